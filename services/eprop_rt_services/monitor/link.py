"""What passes between the page's script and this process, beside the figures."""

from bokeh.core.properties import Bool, Int, String
from bokeh.model import DataModel


class Link(DataModel):
    """`state` is JSON for the script, `beat` another number every second; the script says the rest.

    `order` is JSON as well, another text each time; `dark` is what the reader prefers, `hidden`
    whether nobody sees the page now.
    """

    state = String(default="")
    beat = Int(default=0)
    order = String(default="")
    dark = Bool(default=False)
    hidden = Bool(default=False)
