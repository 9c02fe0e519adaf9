"""`/api/journal`: everybody's prompts, for reviewers. Their texts only for who holds `prompts.read_text`."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import Cursor
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from prompts import book
from prompts.models import Prompt
from prompts.review import files
from prompts.review.serializers import JournalFilterSerializer, JournalQuerySerializer, JournalRowSerializer
from prompts.search import SearchUnavailable, SearchUnreadable, search
from prompts.views import NewestFirst

SEE, READ = "prompts.view_prompt", "prompts.read_text"


class Reviewing(GenericAPIView[Prompt]):
    """For users whose work it is; no API key gets here."""

    queryset = Prompt.objects.none()
    serializer_class = JournalRowSerializer

    def rows(self, wanted: dict[str, Any]) -> QuerySet[Prompt]:
        return book.narrow(Prompt.objects.order_by("-id"), **wanted)

    def wanted(self, request: Request, kind: type[JournalFilterSerializer]) -> dict[str, Any]:
        """The filters, for who may see rows. Raises PermissionDenied, ValidationError."""
        if not request.user.has_perm(SEE):
            raise PermissionDenied
        asked = request.query_params.dict()
        asked.pop("cursor", None)  # the paginator's own
        query = kind(data=asked)
        query.is_valid(raise_exception=True)
        return dict(query.validated_data)


class JournalPages(NewestFirst):
    """With how far a search looked."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page: dict[str, Any] = super().get_paginated_response_schema(schema)
        page["properties"] |= {
            "searchedSince": {
                "type": "string",
                "format": "date-time",
                "nullable": True,
                "description": "Of a search: all rows from then on were looked at. Null: the whole book was.",
            },
            "isComplete": {
                "type": "boolean",
                "description": "Of a search: false where time ran out before the page was full.",
            },
        }
        return page

    def before(self, request: Request) -> UUID | None:
        """The id that a page of a search begins behind. Raises NotFound for a cursor that is none of ours."""
        self.base_url = request.build_absolute_uri()
        cursor = self.decode_cursor(request)
        try:
            return UUID(str(cursor.position)) if cursor and cursor.position else None
        except ValueError:
            raise NotFound(self.invalid_cursor_message) from None

    def after(self, id: UUID) -> str:
        """The address of the page that goes on behind an id."""
        position: Any = str(id)  # DRF's own positions are texts, too; its stubs say numbers
        return self.encode_cursor(Cursor(offset=0, reverse=False, position=position))


class JournalView(Reviewing):
    pagination_class = JournalPages

    @extend_schema(
        operation_id="journal",
        parameters=[JournalQuerySerializer],
        responses={200: JournalRowSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Everybody's prompts, newest first, for reviewers. No API key reaches this."""
        wanted = self.wanted(request, JournalQuerySerializer)
        assert isinstance(self.paginator, JournalPages)
        self.paginator.page_size = wanted.pop("limit")
        if (words := wanted.pop("search", None)) is not None:
            return self._search(request, words, self.rows(wanted))
        page = self.paginate_queryset(self.rows(wanted))
        shown = {"with_text": request.user.has_perm(READ)}
        return self.get_paginated_response(JournalRowSerializer(page, many=True, context=shown).data)

    def _search(self, request: Request, words: str, rows: QuerySet[Prompt]) -> Response:
        """What a word finds tells what a text says, so it is for who may read them."""
        if not request.user.has_perm(READ):
            raise PermissionDenied
        pages = self.paginator
        assert isinstance(pages, JournalPages)
        try:
            found = search(rows, words, limit=pages.page_size, before=pages.before(request))
        except SearchUnavailable:
            raise ValidationError({"search": "Search needs PostgreSQL: set DATABASE_URL."}) from None
        except SearchUnreadable as error:
            raise ValidationError({"search": str(error)}) from None
        return Response(
            {
                "next": pages.after(found.looked_to) if found.looked_to is not None else None,
                "previous": None,
                "searchedSince": found.since,
                "isComplete": found.is_complete,
                "results": JournalRowSerializer(found.rows, many=True).data,
            }
        )


class ExportView(Reviewing):
    """All rows that match, as a stream. It is noted on the audit trail."""

    form: str
    content_type: str

    def lines(self, rows: QuerySet[Prompt], *, with_text: bool) -> AsyncIterator[bytes]:
        raise NotImplementedError

    def export(self, request: Request) -> StreamingHttpResponse:
        wanted = self.wanted(request, JournalFilterSerializer)
        with_text = request.user.has_perm(READ)
        told = {name: str(value) for name, value in wanted.items()}
        audit.record("prompts.exported", form=self.form, with_text=with_text, filters=told)
        return StreamingHttpResponse(
            self.lines(self.rows(wanted), with_text=with_text),
            content_type=self.content_type,
            headers={
                "Content-Disposition": f'attachment; filename="prompts.{self.form}"',
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            },
        )


class JsonLinesView(ExportView):
    form, content_type = "jsonl", "application/jsonl"

    @extend_schema(
        operation_id="journal_jsonl",
        parameters=[JournalFilterSerializer],
        responses={
            (200, "application/jsonl"): OpenApiResponse(OpenApiTypes.STR, description="A row a line.")
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All rows that match, each in the shape of `/api/journal`. It is noted on the audit trail."""
        return self.export(request)

    def lines(self, rows: QuerySet[Prompt], *, with_text: bool) -> AsyncIterator[bytes]:
        return files.lines(rows, lambda page: files.json_lines(page, with_text=with_text))


class CsvView(ExportView):
    form, content_type = "csv", "text/csv; charset=utf-8"

    @extend_schema(
        operation_id="journal_csv",
        parameters=[JournalFilterSerializer],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="A head, then rows.")},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All rows that match, for spreadsheets. It is noted on the audit trail."""
        return self.export(request)

    def lines(self, rows: QuerySet[Prompt], *, with_text: bool) -> AsyncIterator[bytes]:
        head, rows = files.csv_head(with_text=with_text), rows.select_related("user")
        return files.lines(rows, lambda page: files.csv_lines(page, with_text=with_text), head=head)
