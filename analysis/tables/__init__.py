"""Tables as papers print them: from frames to cells, and from cells to LaTeX and Markdown."""
