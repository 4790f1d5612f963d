The script of the chunks.
