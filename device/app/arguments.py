"""What the command lines of this package have in common."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path


def parser_of(name: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of one command; its description keeps its lines."""
    return argparse.ArgumentParser(
        prog=f"paybox {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def parser_of_several(
    name: str, description: str, commands: Mapping[str, Callable[[argparse.ArgumentParser], None]]
) -> argparse.ArgumentParser:
    """Return the parser of a command with commands of its own; each entry adds its options."""
    parser = parser_of(name, description)
    chosen = parser.add_subparsers(required=True, metavar="COMMAND")
    for command, add in commands.items():
        add(chosen.add_parser(command))
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `-c FILE`, required."""
    text = "配置文件 / paybox.toml"
    parser.add_argument("-c", "--config", metavar="FILE", type=Path, required=True, help=text)
