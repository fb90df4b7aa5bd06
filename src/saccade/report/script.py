"""The JavaScript that draws a page's charts without any other machine."""

import subprocess
import sys
from types import TracebackType

from saccade.errors import InputError


class Script:
    """The JavaScript that draws charts: Vega, Vega-Lite and vega-embed from the package vl-convert-python.

    Putting it together takes seconds and holds the interpreter, so another process does it from the moment that this is made.
    """

    def __init__(self) -> None:
        """Start the process."""
        code = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())"
        self._process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def read(self) -> str:
        """Return the script, safe inside an HTML element.

        Raises:
            InputError: It could not be made: the package is missing, or too old.
        """
        output, error = self._process.communicate()
        if self._process.returncode != 0 or not output:
            lines = error.decode("utf-8", "replace").strip().splitlines()
            said = lines[-1] if lines else "it wrote nothing"
            raise InputError(f"charts cannot be drawn ({said}): install them with: pip install vl-convert-python")
        return output.decode("utf-8").replace("</script", "<\\/script").replace("<!--", "<\\!--")

    def __enter__(self) -> "Script":
        """Return the script itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process where its script is not wanted any more."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()
