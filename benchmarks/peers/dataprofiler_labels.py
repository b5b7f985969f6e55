"""DataProfiler over one CSV: column labels only.

By itself it labels a sample of 1,000 cells of each column; given a number of rows it is made to
look at every cell of the first so many, as we do with the whole file. `bytes` are those of the
cells that were labelled, with their separators; `file_bytes` those of the rows handed over.
"""

import json
import os
import sys
import time
from importlib.metadata import version

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import dataprofiler

path = sys.argv[1]
options = dataprofiler.ProfilerOptions()
table = dataprofiler.Data(path)
everything = len(sys.argv) > 2
frame = table.data.head(int(sys.argv[2])) if everything else table.data
rows = len(frame)
choices = {"*.is_enabled": False, "data_labeler.is_enabled": True}
if everything:
    choices["data_labeler.max_sample_size"] = rows
options.set(choices)
dataprofiler.Profiler(table.data.head(50), options=options)  # loads the model
started = time.perf_counter()
profile = dataprofiler.Profiler(
    frame, options=options, samples_per_update=rows if everything else None
)
report = profile.report()
spent = time.perf_counter() - started
labels = {s["column_name"]: s["data_label"] for s in report["data_stats"]}
looked_at = rows if everything else min(rows, 1_000)
handed = len(frame.to_csv(index=False, header=False).encode())
print(
    json.dumps(
        {
            "bytes": handed * looked_at // rows,
            "file_bytes": handed,
            "rows": looked_at,
            "seconds": spent,
            "labels": labels,
            "version": version("dataprofiler"),
        }
    )
)
