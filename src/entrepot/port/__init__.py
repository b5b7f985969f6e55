"""The port: inspect, assess, plan, clear, certify, verify one dataset."""
