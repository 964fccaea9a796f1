"""Executors: where runs are done. They share one interface, `optathlon.experiments.executors.executor.Executor`."""
