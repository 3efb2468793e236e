"""Low-latency event-based recognition with Hybrid Step-wise Distillation spiking networks.

Data flows one way: events -> frames -> nets -> training -> evaluation -> report.
Nothing in this package reads the command line; only `stages/` and `pipeline.config.load` touch params.yaml.
"""
