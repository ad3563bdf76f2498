// oneDNN's normalizations through its C++ interface, as functions that onednn.py calls with arrays of NumPy.
//
// A `Call` holds the primitives of one pass with their memory. Arrays come as x, g, y, dx (and weight, bias, mean,
// variance); what training saves for its backward lies in memory of oneDNN's. The number of threads is OpenMP's.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <omp.h>

#include "oneapi/dnnl/dnnl.hpp"

using dnnl::memory;
using dnnl::prop_kind;

namespace {

using Arguments = std::unordered_map<int, memory>;
enum Pass { INFERENCE, TRAINING, BOTH, BACKWARD };
enum Array { X, G, Y, DX, WEIGHT, BIAS, MEAN, VARIANCE };
enum Norm { BATCH, BATCH_TRAIN, GROUP, LAYER };

const dnnl::engine &cpu() {
    static const dnnl::engine one(dnnl::engine::kind::cpu, 0);
    return one;
}

struct Call {
    dnnl::stream stream{cpu()};
    std::vector<std::pair<dnnl::primitive, Arguments>> steps;
    std::string implementation;

    template <class Primitive>
    void add(const typename Primitive::primitive_desc &what, const Arguments &with) {
        implementation += (implementation.empty() ? "" : ", ") + std::string(what.impl_info_str());
        steps.emplace_back(Primitive(what), with);
    }

    void run() {
        for (auto &step : steps) step.first.execute(stream, step.second);
        stream.wait();
    }

    // The backward alone is timed on what one forward has saved.
    void keep_backward(int pass) {
        run();
        if (pass == BACKWARD) steps.erase(steps.begin());
    }
};

std::string failure;

template <class Build>
Call *built(Build build) {
    try {
        std::unique_ptr<Call> call(new Call);
        build(*call);
        return call.release();
    } catch (const std::exception &error) {
        failure = error.what();
        return nullptr;
    }
}

// `block` channels side by side: 1 is NCHW, 8 and 16 are oneDNN's own, 0 is NHWC
memory::desc described(const int64_t *dims, int rank, int block) {
    using tag = memory::format_tag;
    const tag images = block == 16 ? tag::nChw16c : block == 8 ? tag::nChw8c : block == 1 ? tag::nchw : tag::nhwc;
    return {memory::dims(dims, dims + rank), memory::data_type::f32, rank == 2 ? tag::ab : images};
}

memory own(const memory::desc &what) { return memory(what, cpu()); }
memory at(const memory::desc &what, float *data) { return memory(what, cpu(), data); }
prop_kind kind_of(int pass) { return pass == INFERENCE ? prop_kind::forward_inference : prop_kind::forward_training; }

template <class Forward, class Backward, class... More>
void add_moments(Call &call, int pass, bool given, const memory::desc &data, float *const *arrays, More... more) {
    const auto shared = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
    const auto flags = given ? shared | dnnl::normalization_flags::use_global_stats : shared;
    const float eps = 1e-5f;
    const typename Forward::primitive_desc forward(cpu(), kind_of(pass), data, data, more..., eps, flags);
    const auto weights = forward.weights_desc();
    Arguments with{{DNNL_ARG_SRC, at(data, arrays[X])}, {DNNL_ARG_DST, at(data, arrays[Y])},
                   {DNNL_ARG_SCALE, at(weights, arrays[WEIGHT])}, {DNNL_ARG_SHIFT, at(weights, arrays[BIAS])}};
    if (given || pass != INFERENCE) {
        const auto statistics = forward.mean_desc();
        with[DNNL_ARG_MEAN] = given ? at(statistics, arrays[MEAN]) : own(statistics);
        with[DNNL_ARG_VARIANCE] = given ? at(statistics, arrays[VARIANCE]) : own(statistics);
    }
    call.add<Forward>(forward, with);
    if (pass != BOTH && pass != BACKWARD) return;
    with.erase(DNNL_ARG_DST);
    // the one whose backward asks for it
    if (!std::is_same<Forward, dnnl::layer_normalization_forward>::value) with.erase(DNNL_ARG_SHIFT);
    with[DNNL_ARG_DIFF_DST] = at(data, arrays[G]);
    with[DNNL_ARG_DIFF_SRC] = at(data, arrays[DX]);
    with[DNNL_ARG_DIFF_SCALE] = own(weights);
    with[DNNL_ARG_DIFF_SHIFT] = own(weights);
    call.add<Backward>({cpu(), prop_kind::backward, data, data, data, more..., eps, flags, forward}, with);
    call.keep_backward(pass);
}

}  // namespace

extern "C" {

Call *lrn(int pass, const int64_t *dims, int block, int64_t size, const float *numbers, float *const *arrays) {
    return built([&](Call &call) {
        const float alpha = numbers[0], beta = numbers[1], k = numbers[2];
        const auto data = described(dims, 4, block);
        const auto across = dnnl::algorithm::lrn_across_channels;
        const dnnl::lrn_forward::primitive_desc forward(cpu(), kind_of(pass), across, data, data, size, alpha, beta, k);
        Arguments with{{DNNL_ARG_SRC, at(data, arrays[X])}, {DNNL_ARG_DST, at(data, arrays[Y])}};
        const auto saved = forward.workspace_desc();
        if (saved.get_size()) with[DNNL_ARG_WORKSPACE] = own(saved);
        call.add<dnnl::lrn_forward>(forward, with);
        if (pass != BOTH && pass != BACKWARD) return;
        with.erase(DNNL_ARG_DST);
        with[DNNL_ARG_DIFF_DST] = at(data, arrays[G]);
        with[DNNL_ARG_DIFF_SRC] = at(data, arrays[DX]);
        call.add<dnnl::lrn_backward>({cpu(), across, data, data, data, size, alpha, beta, k, forward}, with);
        call.keep_backward(pass);
    });
}

Call *norm(int pass, int kind, const int64_t *dims, int rank, int block, int64_t groups, float *const *arrays) {
    return built([&](Call &call) {
        using namespace dnnl;
        const auto data = described(dims, rank, block);
        if (kind == GROUP) {
#if DNNL_VERSION_MAJOR > 3 || DNNL_VERSION_MINOR >= 3
            add_moments<group_normalization_forward, group_normalization_backward>(
                call, pass, false, data, arrays, groups);
#else
            throw std::invalid_argument("group normalization came with oneDNN 3.3");
#endif
        } else if (kind == LAYER)
            add_moments<layer_normalization_forward, layer_normalization_backward>(call, pass, false, data, arrays);
        else
            add_moments<batch_normalization_forward, batch_normalization_backward>(
                call, pass, kind == BATCH, data, arrays);
    });
}

int run(Call *call) {
    try {
        call->run();
        return 0;
    } catch (const std::exception &error) {
        failure = error.what();
        return 1;
    }
}

void end(Call *call) { delete call; }
const char *implementation(const Call *call) { return call->implementation.c_str(); }
const char *error() { return failure.c_str(); }

const char *version() {
    static std::string text;
    const auto *found = dnnl::version();
    text = std::to_string(found->major) + "." + std::to_string(found->minor) + "." + std::to_string(found->patch);
    return text.c_str();
}

// What a copy takes with the threads that the others have
void copy(char *to, const char *from, int64_t bytes) {
#pragma omp parallel
    {
        const int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
        const int64_t share = ((bytes + threads - 1) / threads + 63) / 64 * 64;
        const int64_t begin = std::min(bytes, thread * share), end = std::min(bytes, begin + share);
        std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin));
    }
}

}  // extern "C"
