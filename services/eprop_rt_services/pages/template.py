"""How a page is put together: its own HTML, style and script, and Bokeh's from this server."""

from importlib import resources

from bokeh.core.templates import MACROS
from jinja2 import Environment, StrictUndefined, Template

STYLE = resources.files(__package__) / "page.css"


def page_template(package: str, name: str = "page") -> Template:
    """Of `name`.html, .css and .js in a package; the family's style goes before its own.

    The HTML has `style`, `script`, Bokeh's `plot_script`, `embed` for what was added to the
    document under a name in `roots`, and whatever a document has in `template_variables`.
    """
    html, style, script = (
        (resources.files(package) / f"{name}.{kind}").read_text(encoding="utf-8")
        for kind in ("html", "css", "js")
    )
    style = STYLE.read_text(encoding="utf-8") + style
    environment = Environment(undefined=StrictUndefined, autoescape=True)
    given = {"style": style, "script": script, "embed": vars(MACROS.module)["embed"]}
    return environment.from_string(html, globals=given)
