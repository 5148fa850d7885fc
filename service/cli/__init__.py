"""The commands of `./pli` (contract.md): thin doors to the actions, JSON or French sentences out."""
