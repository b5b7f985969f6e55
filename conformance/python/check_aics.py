"""Hold the log as served against `aics-tlog`, a C2SP implementation of others.

    python check_aics.py SUBJECT.json   prints one JSON object per check; exit 1 when one fails

Runs in an environment of its own (Python 3.12) that has nothing of this project.
"""

import json
import sys
from pathlib import Path

import aics_tlog as foreign

SAMPLES = 100


def report(checked, held, rejected):
    """Print one finding."""
    line = {"client": "aics-tlog", "version": foreign.__version__, "checked": checked}
    print(json.dumps({**line, "held": held, "rejected": rejected}))


def reader_of(url):
    """Return a reader that has trusted and rejected nothing yet."""
    return foreign.HttpTileReader(url + "log/", proxies={})


def signed(raw, key):
    """Return the verdict on a checkpoint."""
    return foreign.verify_checkpoint(foreign.parse_note(raw), key, expected_origin=key.name)


def check_checkpoints(raw, key, older):
    """The newest checkpoint and earlier ones are signed; a changed one is not."""
    held = rejected = 0
    for note in (raw, *older):
        held += signed(note, key).ok
        lines = note.split("\n")
        lines[1] = str(int(lines[1]) + 1)
        rejected += not signed("\n".join(lines), key).ok
    assert held == rejected == 1 + len(older), (held, rejected)
    report("checkpoint signatures", held, rejected)
    return signed(raw, key), [signed(note, key) for note in older]


def check_audit(log, url):
    """Every tile and every bundle authenticates against the root, and against no other."""
    found = foreign.audit_tiles(reader_of(url), log.size, log.root)
    try:
        foreign.audit_tiles(reader_of(url), log.size, bytes(32))
    except foreign.TileVerificationError:
        report("every tile and bundle over HTTP", found.tiles + found.bundles, 1)
    else:
        raise AssertionError("another root was accepted")


def check_proofs(log, older, reader):
    """Inclusion and consistency from tiles."""
    held = rejected = 0
    for index in range(0, log.size, max(1, log.size // SAMPLES)):
        entry = foreign.read_entry(reader, index, log.size)
        path = foreign.inclusion_proof_from_tiles(reader, index, log.size)
        held += foreign.verify_leaf_inclusion(entry, index, log.size, path, log.root)
        rejected += not foreign.verify_leaf_inclusion(
            entry + b"\0", index, log.size, path, log.root
        )
    assert held == rejected, (held, rejected)
    report("inclusion, from tiles and bundles over HTTP", held, rejected)
    held = rejected = 0
    for old in older:
        path = foreign.consistency_proof_from_tiles(reader, old.size, log.size)
        held += foreign.verify_consistency(old.size, log.size, old.root, log.root, path)
        rejected += not foreign.verify_consistency(old.size, log.size, log.root, log.root, path)
    assert held == rejected == len(older), (held, rejected)
    report("consistency with earlier checkpoints", held, rejected)


def main():
    """Run the checks."""
    subject = json.loads(Path(sys.argv[1]).read_text())
    key = foreign.parse_vkey(subject["vkey"])
    reader = reader_of(subject["url"])
    raw = reader.read_checkpoint().decode()
    log, older = check_checkpoints(raw, key, subject["checkpoints"])
    check_audit(log, subject["url"])
    check_proofs(log, older, reader)


if __name__ == "__main__":
    main()
