"""One module for each file type; each offers `render_<type>(sample) -> bytes`."""
