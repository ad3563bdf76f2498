"""The version, in a module that imports nothing: the package, `show_config` and setuptools read it."""

__version__ = "0.2.0.dev0"
