"""What happened in one run or several, as a page to keep and to send to others."""
