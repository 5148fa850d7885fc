"""What goes out: Markdown, MJML, the mould and the headers."""
