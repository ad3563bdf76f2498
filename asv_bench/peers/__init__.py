"""lrncore beside the LRN of other libraries, in time and in copies of the same arrays: `python -m peers`.

One file holds each library; `plan` says what is measured, `measure` does it in a process of its own for each peer,
`processes` starts them, `table` and `figure` show the rows.
"""
