#!/bin/sh
# Says what a machine lacks before anything is installed. Argument: the Python found, or nothing.
python=$1
missing=0

lacks() {
    echo "gptoss: $1" >&2
    missing=1
}

if [ -z "$python" ]; then
    lacks "no Python 3.11 or newer was found; install it (Debian: apt install python3 python3-venv python3-dev)"
else
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        lacks "$python has no venv module; install it (Debian: apt install python3-venv)"
    "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' 2>/dev/null ||
        lacks "$python has no C headers; install them (Debian: apt install python3-dev)"
fi

compiler=${CXX:-c++}
if ! command -v "$compiler" >/dev/null 2>&1; then
    lacks "no C++ compiler $compiler was found; install GCC 11 or Clang 14 or newer (Debian: apt install g++)"
elif ! echo 'int main() { return 0; }' | "$compiler" -std=c++20 -x c++ -fsyntax-only - 2>/dev/null; then
    lacks "$compiler does not know C++20; install GCC 11 or Clang 14 or newer, or set CXX"
fi

exit $missing
