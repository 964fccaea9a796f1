"""The tiny preset: a language model pre-trained from scratch on the spot, and instructions with verifiable answers."""
