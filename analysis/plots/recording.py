"""A figure drawn once for files of several formats: what it draws is recorded, and drawn again by each renderer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D, TransformedBbox, TransformedPath

from optathlon.analysis.plots.measuring import POINTS_PER_INCH, Measuring


class Recording(Measuring):
    """All but the background of what a figure draws, measured in points.

    Attributes
    ----------
    depends_on_pixels:
        Whether there are images, what is to become one, or meshes: each renderer has its own way with these, so they
        can't be drawn again.
    """

    def __init__(self, figure: Figure) -> None:
        figure.set(dpi=POINTS_PER_INCH)
        super().__init__(figure)
        self.depends_on_pixels = False
        self._calls: list[Callable[[_Target], None]] = []
        figure.patch.set_visible(False)
        figure.draw(self)
        figure.patch.set_visible(True)

    @contextmanager
    def instead_of(self, figure: Figure) -> Iterator[None]:
        """Have the figure draw what is recorded, inside a `with` block."""

        def draw(renderer: RendererBase) -> None:
            figure.patch.draw(renderer)
            target = _Target(renderer, self._size[1])
            for call in self._calls:
                call(target)

        vars(figure)["draw"] = draw
        try:
            yield
        finally:
            del vars(figure)["draw"]

    def open_group(self, s: str, gid: str | None = None) -> None:
        """Record the beginning of a group."""
        self._calls.append(lambda target: target.renderer.open_group(s, gid))

    def close_group(self, s: str) -> None:
        """Record the end of a group."""
        self._calls.append(lambda target: target.renderer.close_group(s))

    def draw_path(self, gc: Any, path: Any, transform: Any, rgbFace: Any = None) -> None:  # noqa: N803
        """Record a path."""
        context, place = _fixed(gc), transform.frozen()
        self._calls.append(
            lambda target: target.renderer.draw_path(target.of(context), path, target.zoomed(place), rgbFace)
        )

    def draw_markers(
        self,
        gc: Any,
        marker_path: Any,
        marker_trans: Any,
        path: Any,
        trans: Any,
        rgbFace: Any = None,  # noqa: N803
    ) -> None:
        """Record markers."""
        context, shape, place = _fixed(gc), marker_trans.frozen(), trans.frozen()
        self._calls.append(
            lambda target: target.renderer.draw_markers(
                target.of(context), marker_path, target.zoomed(shape), path, target.zoomed(place), rgbFace
            )
        )

    def draw_path_collection(
        self,
        gc: Any,
        master_transform: Any,
        paths: Any,
        all_transforms: Any,
        offsets: Any,
        offset_trans: Any,
        *looks: Any,
        **more: Any,
    ) -> None:
        """Record several paths."""
        context, shape, place = _fixed(gc), master_transform.frozen(), offset_trans.frozen()
        self._calls.append(
            lambda target: target.renderer.draw_path_collection(
                target.of(context),
                target.zoomed(shape),
                paths,
                all_transforms,
                offsets,
                target.zoomed(place),
                *looks,
                **more,
            )
        )

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None
    ) -> None:
        """Record a line of text."""
        context = _fixed(gc)
        self._calls.append(
            lambda target: target.renderer.draw_text(
                target.of(context), *target.of_text(x, y), s, prop, angle, ismath, mtext
            )
        )

    def draw_image(self, gc: Any, x: float, y: float, im: Any, transform: Any = None) -> None:
        """Note that there is one."""
        self.depends_on_pixels = True

    def draw_quad_mesh(self, gc: Any, *mesh: Any) -> None:
        """Note that there is one."""
        self.depends_on_pixels = True

    def start_rasterizing(self) -> None:
        """Note that there is something that becomes an image."""
        self.depends_on_pixels = True

    def stop_rasterizing(self) -> None:
        """Its end."""


class _Target:
    """Where a recording of some points' height is drawn again."""

    def __init__(self, renderer: Any, height: float) -> None:
        self.renderer = renderer
        self._height = height
        self._pixels = float(renderer.points_to_pixels(1.0))
        self._zoom = None if self._pixels == 1.0 else Affine2D().scale(self._pixels)

    def zoomed(self, transform: Any) -> Any:
        return transform if self._zoom is None else transform + self._zoom

    def of(self, recorded: Any) -> Any:
        """The graphics context as the renderer's own."""
        context = self.renderer.new_gc()
        context.copy_properties(recorded)
        if self._zoom is not None:
            box, (path, transform) = recorded.get_clip_rectangle(), recorded.get_clip_path()
            if box is not None:
                context.set_clip_rectangle(TransformedBbox(box, self._zoom))
            if path is not None:
                context.set_clip_path(TransformedPath(path, transform + self._zoom))
        return context

    def of_text(self, x: float, y: float) -> tuple[float, float]:
        """From a place below the upper edge, which not all renderers measure from."""
        above = (self._height - y) * self._pixels
        return x * self._pixels, self.renderer.get_canvas_width_height()[1] - above if self.renderer.flipy() else above


def _fixed(gc: Any) -> Any:
    """A copy that doesn't follow what happens to the figure."""
    copy: Any = GraphicsContextBase()
    copy.copy_properties(gc)
    box, (path, transform) = gc.get_clip_rectangle(), gc.get_clip_path()
    if box is not None:
        copy.set_clip_rectangle(box.frozen())
    if path is not None:
        copy.set_clip_path(TransformedPath(path, transform.frozen()))
    return copy
