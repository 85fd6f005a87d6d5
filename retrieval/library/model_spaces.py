"""Which embedding space a model makes: told from its files where that is possible, else from the loaded model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.errors import StorageError
from vasari.retrieval.settings import Settings

if TYPE_CHECKING:
    from vasari.retrieval.catalog.catalog import Catalog
    from vasari.retrieval.models.clip.encoder import OpenClipEncoder
    from vasari.retrieval.models.registry.files import ModelFiles


class ModelSpaces:
    """The spaces of a library by the models that make them; a new one gets its folder, with exported towers."""

    def __init__(self, catalog: Callable[[], Catalog], settings: Settings, directory: Path) -> None:
        self._catalog = catalog
        self._settings = settings
        self._directory = directory

    def known(self, reference: str) -> EmbeddingSpace | None:
        """The space that the model's files, as they are now, have made; None where that cannot be told without it."""
        from vasari.retrieval.models.exported.single_image import read_settings

        known = [
            (space, read_settings(self._directory / space.name)) for space in self._catalog().spaces.all()
        ]
        if not any(settings for _, settings in known):
            return None
        from vasari.retrieval.models.registry.fingerprints import files_digest
        from vasari.retrieval.models.registry.resolve import resolve

        source = resolve(reference)
        candidates = [
            (space, settings) for space, settings in known if space.model == source.reference and settings
        ]
        if not candidates:
            return None
        digest = files_digest(self._files(reference))
        return next((space for space, settings in candidates if settings.files == digest), None)

    def described(self, reference: str) -> EmbeddingSpace | None:
        """The space of a model whose towers can be exported from its files; None for another model."""
        from vasari.retrieval.models.export.without_torch import space_of_files

        found = space_of_files(self._files(reference))
        return None if found is None else found[1]

    def written(self, reference: str) -> EmbeddingSpace | None:
        """The space of such a model, made: its towers are exported. None for another model, and in a replica."""
        from vasari.retrieval.models.export.without_torch import export_towers, space_of_files

        files = self._files(reference)
        if self._settings.read_only or (found := space_of_files(files)) is None:
            return None
        model, space = found
        directory = self._directory / space.name
        if not directory.exists():
            with _once(directory):
                export_towers(model, files, directory)
        return self._entered(space)

    def of_loaded(self, encoder: OpenClipEncoder) -> EmbeddingSpace:
        """The space of a loaded model, made with its exported text tower; in a replica it has to be there."""
        if self._settings.read_only:
            return self._catalog().spaces.get(encoder.space.name)
        directory = self._directory / encoder.space.name
        if not directory.exists():
            from vasari.retrieval.models.export.text import export_text_tower

            with _once(directory):
                export_text_tower(encoder.towers, directory)
        return self._entered(encoder.space)

    def _files(self, reference: str) -> ModelFiles:
        from vasari.retrieval.models.registry.files import locate
        from vasari.retrieval.models.registry.hub import HubAccess
        from vasari.retrieval.models.registry.resolve import resolve

        return locate(resolve(reference), HubAccess(self._settings.offline, self._settings.hub_timeout))

    def _entered(self, space: EmbeddingSpace) -> EmbeddingSpace:
        """The space as the catalog has it from now on; the first is the default."""
        catalog = self._catalog()
        space = catalog.spaces.ensure(space)
        if catalog.spaces.default() is None:
            catalog.spaces.set_default(space.name)
        return space


@contextmanager
def _once(directory: Path) -> Iterator[None]:
    """Write a space's folder, unless another process was faster: it is named by its weights, so theirs is the same."""
    try:
        yield
    except StorageError:
        if not directory.exists():
            raise
