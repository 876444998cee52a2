// Nothing: it stands for the targets that parse the headers which all tests include.
