"""`/api/statistics`: one's own, or everybody's for those whose work it is."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Scope
from accounts.authentication import caller_of
from prompts.statistics.reading import read
from prompts.statistics.serializers import StatisticsQuerySerializer, StatisticsSerializer, fields_of

SEE_ALL = "prompts.view_statistics"


def sees_all(user: Any) -> bool:
    """Whether everybody's statistics are this user's work."""
    return bool(user.has_perm(SEE_ALL))


class StatisticsView(APIView):
    key_scopes = {"GET": Scope.READ}

    @extend_schema(
        operation_id="statistics",
        parameters=[StatisticsQuerySerializer],
        responses={200: StatisticsSerializer},
    )
    def get(self, request: Request) -> Response:
        """Prompts by outcome, tokens, findings, latencies. Reviewers and administrators see everybody's, or
        one `user`'s; others, and API keys, their own."""
        query = StatisticsQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        span, user_id = query.validated_data["span"], query.validated_data["user_id"]
        caller = caller_of(request)
        if caller.key is not None or not sees_all(request.user):
            if user_id not in (None, caller.user_id):
                raise Http404
            user_id = caller.user_id
        return Response(StatisticsSerializer(fields_of(read(span, user_id=user_id))).data)
