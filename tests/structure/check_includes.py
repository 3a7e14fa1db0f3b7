#!/usr/bin/env python3
"""Checks that includes run in one direction only: tools -> experiments -> offline -> agents -> {envs, datasets} -> core.

Usage: check_includes.py ROOT    ROOT is the repository's root
Prints one line `file:line: message` for each include that should not be there; exit code 1 when there is any.
"""
import pathlib
import re
import sys

# Which of our folders each folder may include, itself apart.
MAY_INCLUDE = {
    "core": set(),
    "envs": {"core"},
    "datasets": {"core"},
    "agents": {"core", "envs", "datasets"},
    "offline": {"core", "envs", "datasets", "agents"},
    "experiments": {"core", "envs", "datasets", "agents", "offline"},
    "tools": {"core", "envs", "datasets", "agents", "offline", "experiments"},
}

# How the headers of the libraries that do not belong everywhere are spelt.
LIBRARIES = {
    "LibTorch": re.compile(r"(torch|ATen|c10|caffe2)/"),
    "HDF5": re.compile(r"hdf5(_hl)?\.h$|H5\w+\.h$"),
    "MuJoCo": re.compile(r"mujoco/"),
}
NO_LIBRARY = {
    "core": {"LibTorch", "HDF5", "MuJoCo"},
    "envs": {"LibTorch", "HDF5"},
    "datasets": {"LibTorch", "MuJoCo"},
}
# LibTorch's headers take seconds to read: a header of these folders would pass that on.
NO_LIBRARY_IN_HEADERS = {"tools": {"LibTorch"}}

INCLUDE = re.compile(r'\s*#\s*include\s*(?:"(?P<quoted>[^"]+)"|<(?P<angled>[^>]+)>)')


def fault(folder, is_header, header, quoted):
    """What is wrong with including `header` from a file of `folder`; None if nothing is."""
    target = header.split("/")[0]
    if target == "tests":
        return f"'{header}': only tests may include what is in tests/"
    if target in MAY_INCLUDE:
        if target != folder and target not in MAY_INCLUDE[folder]:
            allowed = ", ".join(sorted(MAY_INCLUDE[folder])) or "none of the other folders"
            return f"'{header}': {folder}/ may include {allowed}"
    elif quoted:
        return f"'{header}': our headers are included by their path from the repository's root"
    for library, spelling in LIBRARIES.items():
        if spelling.match(header):
            if library in NO_LIBRARY.get(folder, ()):
                return f"'{header}': {folder}/ must not know {library}"
            if is_header and library in NO_LIBRARY_IN_HEADERS.get(folder, ()):
                return f"'{header}': no header of {folder}/ may include {library}"
    return None


def check(root):
    """Returns the faults under `root` as lines `file:line: message`, and the number of files that were read."""
    faults = []
    files = 0
    for folder in MAY_INCLUDE:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            files += 1
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                include = INCLUDE.match(line)
                if include is None:
                    continue
                header = include["quoted"] or include["angled"]
                message = fault(folder, path.suffix == ".h", header, include["quoted"] is not None)
                if message is not None:
                    faults.append(f"{path.relative_to(root)}:{number}: {message}")
    return faults, files


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_includes.py ROOT")
    faults, files = check(pathlib.Path(sys.argv[1]))
    for line in faults:
        print(line)
    print(f"{files} files read, {len(faults)} includes against the direction")
    sys.exit(1 if faults or files == 0 else 0)


if __name__ == "__main__":
    main()
