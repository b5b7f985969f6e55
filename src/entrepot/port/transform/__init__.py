"""De-identification by streaming transforms, named after ISO/IEC 20889:2018.

    plan = TransformPlan([DropColumns(["name"]), Generalise("born", Method.YEAR)])
    prepared = prepare(plan, dataset.batches, keys)
    for frame in stream(prepared, dataset.batches, keys): ...

What each technique does and does not promise is in `docs/design/006-clearance.md`.
"""
