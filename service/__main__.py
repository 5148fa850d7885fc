"""`python -m service`, which `./pli` runs."""

from service.cli.main import main

main()
