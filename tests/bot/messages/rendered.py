"""What does a host make of our Markdown? The elements, and the text outside code, where mentions and links count."""

from html.parser import HTMLParser

import mistune


class Reader(HTMLParser):
    """What a host's filters see: the elements, and the text outside code, where mentions and references count."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside = ""
        self.inside = ""
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._depth += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "code"

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.inside += data
        else:
            self.outside += data

    def handle_comment(self, data: str) -> None:
        self.tags.append("!--")


def read(markdown: str) -> Reader:
    render = mistune.create_markdown(escape=False, plugins=["table", "url", "strikethrough"])
    reader = Reader()
    reader.feed(str(render(markdown)))
    reader.close()
    return reader
