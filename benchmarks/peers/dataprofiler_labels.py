"""DataProfiler over one CSV: column labels only, its own sampling (20 % of the rows) left on."""

import json
import os
import sys
import time
from importlib.metadata import version

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import dataprofiler

path = sys.argv[1]
options = dataprofiler.ProfilerOptions()
options.set({"*.is_enabled": False, "data_labeler.is_enabled": True})
table = dataprofiler.Data(path)
rows = len(table)
dataprofiler.Profiler(table.data.head(50), options=options)  # loads the model
started = time.perf_counter()
profile = dataprofiler.Profiler(table, options=options)
report = profile.report()
spent = time.perf_counter() - started
labels = {s["column_name"]: s["data_label"] for s in report["data_stats"]}
print(
    json.dumps(
        {
            "bytes": os.path.getsize(path),
            "rows": rows,
            "seconds": spent,
            "labels": labels,
            "version": version("dataprofiler"),
        }
    )
)
