"""Low-latency event-based recognition with Hybrid Step-wise Distillation spiking networks.

Data flows one way: events -> frames -> nets -> training -> evaluation -> report.
Nothing below it but `__main__` reads the command line; only `pipeline.config.catalogues` reads params.yaml and params/.
"""
