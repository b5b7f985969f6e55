"""The kernel: encoding, keys, acts, decisions, log, store, sequencer. It knows no institution."""
