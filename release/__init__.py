"""`make release`: what is handed out, tried as a stranger would, with its bill of materials."""
