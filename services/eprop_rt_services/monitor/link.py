"""What passes between the page's script and this process, beside the figures."""

from bokeh.core.properties import Bool, String
from bokeh.model import DataModel


class Link(DataModel):
    """`state` is JSON for the script; the rest is what the script has to say.

    `order` is JSON as well, another text each time; `dark` is what the reader prefers, `hidden`
    whether nobody sees the page now.
    """

    state = String(default="")
    order = String(default="")
    dark = Bool(default=False)
    hidden = Bool(default=False)
