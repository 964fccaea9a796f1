"""What LLM tasks, judges and LLM-driven optimizers share: models, chat, generation and judging."""
