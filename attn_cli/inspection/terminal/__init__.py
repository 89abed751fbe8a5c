"""What the terminal shows: tables, paragraphs and maps of attention."""
