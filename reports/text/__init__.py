"""Words and signs: languages, dates and numbers as readers write them, XML."""
