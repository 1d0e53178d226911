"""From an exception to one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from fmnist_viz.core.errors import VizError

INTERRUPTED = "interrupted; what is finished is kept, and the same command goes on from there"

# what a disk, a path or its permissions do to any program; everything else that the system reports is a bug of ours until shown otherwise
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNUSABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EMFILE, errno.EIO)


def run_guarded(app: Callable[..., Any]) -> int:
    """Call a Typer app; returns the exit code (see `core.errors`)."""
    import typer

    # typer brings its own copy of click from 0.27 on; its public exceptions lead to the right one in every version
    usage_errors: type[Any] = typer.BadParameter.__mro__[2]

    try:
        code = app(standalone_mode=False, prog_name="fmnist-viz")
        sys.stdout.flush()  # a reader that went away is noticed here, not when the interpreter ends
        if code == 130:  # typer turns an interrupt into the value of the call
            return _fail(KeyboardInterrupt(), INTERRUPTED, 130)
        return code if isinstance(code, int) else 0
    except VizError as error:
        return _fail(error, f"error[{error.code}] {error}", error.exit_code)
    except usage_errors as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
            sys.stderr.write(error.format_message())
            return 2
        return _fail(error, f"error[FV-USAGE] {_usage(error)}", 2)
    except (typer.Abort, KeyboardInterrupt) as error:
        return _fail(error, INTERRUPTED, 130)
    except typer.Exit as error:
        return error.exit_code
    except BrokenPipeError:
        return _deaf()
    except SystemExit as error:  # typer and rich leave this way when the reader went away
        if isinstance(error.__context__, BrokenPipeError):
            return _deaf()
        raise
    except MemoryError as error:
        return _fail(error, "error[FV-MEMORY] not enough memory. Map fewer images (--points) or fewer --layers.", 5)
    except OSError as error:
        where = error.filename or "the disk"
        if error.errno in _FULL:
            return _fail(error, f"error[FV-DISK-FULL] {where}: no space left. Free some space, or choose another --out or --cache-dir.", 5)
        if error.errno in _UNUSABLE:
            return _fail(
                error, f"error[FV-NOT-USABLE] {where}: cannot be used ({error.strerror}). Choose another --out or --cache-dir, or mend its permissions.", 5
            )
        raise


def _usage(error: Any) -> str:
    """Click's message with what could have been typed instead."""
    context, message = getattr(error, "ctx", None), error.format_message().strip().rstrip(".")
    message += "" if message.endswith("?") else "."  # "Did you mean ...?"
    if context is None:
        return message
    commands = getattr(context.command, "commands", None)
    return f"{message} Choose from: {', '.join(commands)}." if commands else f"{message} Try `{context.command_path} --help`."


def _deaf() -> int:
    """Nobody reads any more: let the interpreter's last flush go nowhere, and say nothing."""
    sink = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            os.dup2(sink, stream.fileno())
    return 141


def _fail(error: BaseException, line: str, code: int) -> int:
    if os.environ.get("FMNIST_VIZ_DEBUG"):
        traceback.print_exception(error)
    sys.stderr.write(f"fmnist-viz: {' '.join(line.split())}\n")
    return code
