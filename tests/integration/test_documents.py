"""What is written about the programs is what they say and take."""

import configparser
import os
import re
import subprocess

import pytest

from lab import process, programs


def test_generated_files_are_fresh():
    result = subprocess.run([os.path.join(process.ROOT, "deploy", "generate"),
                             programs.build_folder(), "--check"],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def readme_options():
    with open(os.path.join(process.ROOT, "README.md"), encoding="utf-8") as file:
        return re.search(r"```ini\n(.*?)```", file.read(), re.S).group(1)


@pytest.mark.parametrize("program", ["producer", "consumer"])
def test_options_of_the_readme_are_taken_as_they_stand(program, tmp_path):
    path = tmp_path / "stocksync.ini"
    path.write_text(readme_options(), encoding="utf-8")
    result = programs.command(program, str(path), "config")
    assert result.code == 0, result.text
    shown = configparser.ConfigParser(interpolation=None)
    shown.read_string(result.out)
    assert shown["topic"]["name"] == "odoo.stock.product.v1"
    assert shown["odoo"]["dsn"] == "***"
    if program == "consumer":
        assert shown["store.outlet"]["buffer"] == "2"
        assert shown["store.outlet"]["location.berlin"] == "WH, NO"


@pytest.mark.parametrize("program", ["producer", "consumer"])
def test_every_command_has_help(program):
    listing = programs.command(program, "none.ini", "--help")
    assert listing.code == 0
    commands = re.findall(r"(?m)^  ([a-z]+) ", listing.out.split("Commands:")[1].split("\n\n")[0])
    assert {"run", "status", "check", "config"} <= set(commands)
    for command in commands:
        result = programs.command(program, "none.ini", command, "--help")
        assert result.code == 0
        assert result.out.startswith(f"stocksync-{program} {command}: ")
