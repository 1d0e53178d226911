"""From an exception to one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from fmnist_viz.core.errors import VizError


def run_guarded(app: Callable[..., Any]) -> int:
    """Call a Typer app; returns the exit code (see `core.errors`)."""
    import errno

    import typer

    # typer brings its own copy of click from 0.27 on; its public exceptions lead to the right one in every version
    usage_errors = typer.BadParameter.__mro__[2]

    try:
        app(standalone_mode=False, prog_name="fmnist-viz")
    except VizError as error:
        return _fail(error, f"error[{error.code}] {error}", error.exit_code)
    except usage_errors as error:
        context = getattr(error, "ctx", None)
        where = f" Try `{context.command_path} --help`." if context else ""
        return _fail(error, f"error[FV-USAGE] {error.format_message()}{where}", 2)
    except (typer.Abort, KeyboardInterrupt) as error:
        return _fail(error, "interrupted; what is finished is kept, and the same command goes on from there", 130)
    except typer.Exit as error:
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the interpreter's last flush is quiet
        return 141
    except MemoryError as error:
        return _fail(error, "error[FV-MEMORY] not enough memory. Map fewer images (--points) or fewer --layers.", 5)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _fail(error, f"error[FV-DISK-FULL] {error.filename or 'the disk'}: no space left. Free some space, or choose another --out or --cache-dir.", 5)
        raise
    return 0


def _fail(error: BaseException, line: str, code: int) -> int:
    if os.environ.get("FMNIST_VIZ_DEBUG"):
        traceback.print_exception(error)
    sys.stderr.write(f"fmnist-viz: {' '.join(line.split())}\n")
    return code
