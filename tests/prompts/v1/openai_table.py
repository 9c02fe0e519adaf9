"""
What becomes of every field of the openai package's types that can hold a text.

    sanitized      goes through the chain on its way
    refused        a request with it is refused
    ignored        read and dropped: neither a model nor a store ever sees it
    replaced       looked at, and a name of our own goes on in its place
    name           has to be one of those that this service serves
    media          bytes of an image or a recording, which only a policy lets pass
    not text       numbers, whatever its type says
    ours           made by this service
    never filled   not in our answers, or null
"""


def classified(lists: dict[str, str]) -> dict[str, str]:
    return {field: verdict for verdict, fields in lists.items() for field in fields.split()}


REQUEST_FIELDS: dict[str, str] = classified(
    {
        "ignored": """
            chat.completion_create_params:CompletionCreateParamsBase.metadata
            chat.completion_create_params:CompletionCreateParamsBase.prompt_cache_key
            chat.completion_create_params:CompletionCreateParamsBase.safety_identifier
            chat.completion_create_params:CompletionCreateParamsBase.user
            completion_create_params:CompletionCreateParamsBase.user
            embedding_create_params:EmbeddingCreateParams.user
            shared_params.response_format_json_schema:JSONSchema.description
            shared_params.response_format_json_schema:JSONSchema.name
        """,
        "name": """
            chat.completion_create_params:CompletionCreateParamsBase.model
            completion_create_params:CompletionCreateParamsBase.model
            embedding_create_params:EmbeddingCreateParams.model
        """,
        "media": """
            chat.chat_completion_content_part_image_param:ImageURL.url
            chat.chat_completion_content_part_input_audio_param:InputAudio.data
        """,
        "not text": """
            chat.completion_create_params:CompletionCreateParamsBase.logit_bias
            completion_create_params:CompletionCreateParamsBase.logit_bias
        """,
        "refused": """
            chat.chat_completion_allowed_tools_param:ChatCompletionAllowedToolsParam.tools
            chat.chat_completion_assistant_message_param:Audio.id
            chat.chat_completion_assistant_message_param:FunctionCall.arguments
            chat.chat_completion_assistant_message_param:FunctionCall.name
            chat.chat_completion_audio_param:ChatCompletionAudioParam.voice
            chat.chat_completion_audio_param:VoiceID.id
            chat.chat_completion_content_part_param:FileFile.file_data
            chat.chat_completion_content_part_param:FileFile.file_id
            chat.chat_completion_content_part_param:FileFile.filename
            chat.chat_completion_content_part_refusal_param:ChatCompletionContentPartRefusalParam.refusal
            chat.chat_completion_custom_tool_param:Custom.description
            chat.chat_completion_custom_tool_param:Custom.name
            chat.chat_completion_custom_tool_param:CustomFormatGrammarGrammar.definition
            chat.chat_completion_function_call_option_param:ChatCompletionFunctionCallOptionParam.name
            chat.chat_completion_function_message_param:ChatCompletionFunctionMessageParam.content
            chat.chat_completion_function_message_param:ChatCompletionFunctionMessageParam.name
            chat.chat_completion_message_custom_tool_call_param:ChatCompletionMessageCustomToolCallParam.id
            chat.chat_completion_message_custom_tool_call_param:Custom.input
            chat.chat_completion_message_custom_tool_call_param:Custom.name
            chat.chat_completion_named_tool_choice_custom_param:Custom.name
            chat.chat_completion_prediction_content_param:ChatCompletionPredictionContentParam.content
            chat.completion_create_params:Function.description
            chat.completion_create_params:Function.name
            chat.completion_create_params:Function.parameters
            chat.completion_create_params:Moderation.model
            chat.completion_create_params:WebSearchOptionsUserLocationApproximate.city
            chat.completion_create_params:WebSearchOptionsUserLocationApproximate.country
            chat.completion_create_params:WebSearchOptionsUserLocationApproximate.region
            chat.completion_create_params:WebSearchOptionsUserLocationApproximate.timezone
            completion_create_params:CompletionCreateParamsBase.suffix
        """,
        "replaced": """
            chat.chat_completion_message_function_tool_call_param:ChatCompletionMessageFunctionToolCallParam.id
            chat.chat_completion_tool_message_param:ChatCompletionToolMessageParam.tool_call_id
        """,
        "sanitized": """
            chat.chat_completion_assistant_message_param:ChatCompletionAssistantMessageParam.content
            chat.chat_completion_assistant_message_param:ChatCompletionAssistantMessageParam.name
            chat.chat_completion_assistant_message_param:ChatCompletionAssistantMessageParam.refusal
            chat.chat_completion_content_part_text_param:ChatCompletionContentPartTextParam.text
            chat.chat_completion_developer_message_param:ChatCompletionDeveloperMessageParam.content
            chat.chat_completion_developer_message_param:ChatCompletionDeveloperMessageParam.name
            chat.chat_completion_message_function_tool_call_param:Function.arguments
            chat.chat_completion_message_function_tool_call_param:Function.name
            chat.chat_completion_named_tool_choice_param:Function.name
            chat.chat_completion_system_message_param:ChatCompletionSystemMessageParam.content
            chat.chat_completion_system_message_param:ChatCompletionSystemMessageParam.name
            chat.chat_completion_tool_message_param:ChatCompletionToolMessageParam.content
            chat.chat_completion_user_message_param:ChatCompletionUserMessageParam.content
            chat.chat_completion_user_message_param:ChatCompletionUserMessageParam.name
            chat.completion_create_params:CompletionCreateParamsBase.stop
            completion_create_params:CompletionCreateParamsBase.prompt
            completion_create_params:CompletionCreateParamsBase.stop
            embedding_create_params:EmbeddingCreateParams.input
            shared_params.function_definition:FunctionDefinition.description
            shared_params.function_definition:FunctionDefinition.name
            shared_params.function_definition:FunctionDefinition.parameters
            shared_params.response_format_json_schema:JSONSchema.schema
        """,
    }
)


ANSWER_FIELDS: dict[str, str] = classified(
    {
        "never filled": """
            chat.chat_completion:ChatCompletion.metadata
            chat.chat_completion:ChatCompletion.system_fingerprint
            chat.chat_completion:ModerationInputError.code
            chat.chat_completion:ModerationInputError.message
            chat.chat_completion:ModerationInputModerationResults.model
            chat.chat_completion:ModerationInputModerationResultsResult.categories
            chat.chat_completion:ModerationInputModerationResultsResult.category_applied_input_types
            chat.chat_completion:ModerationInputModerationResultsResult.category_scores
            chat.chat_completion:ModerationInputModerationResultsResult.model
            chat.chat_completion:ModerationOutputError.code
            chat.chat_completion:ModerationOutputError.message
            chat.chat_completion:ModerationOutputModerationResults.model
            chat.chat_completion:ModerationOutputModerationResultsResult.categories
            chat.chat_completion:ModerationOutputModerationResultsResult.category_applied_input_types
            chat.chat_completion:ModerationOutputModerationResultsResult.category_scores
            chat.chat_completion:ModerationOutputModerationResultsResult.model
            chat.chat_completion_audio:ChatCompletionAudio.data
            chat.chat_completion_audio:ChatCompletionAudio.id
            chat.chat_completion_audio:ChatCompletionAudio.transcript
            chat.chat_completion_chunk:ChatCompletionChunk.obfuscation
            chat.chat_completion_chunk:ChatCompletionChunk.system_fingerprint
            chat.chat_completion_chunk:ChoiceDeltaAudio.data
            chat.chat_completion_chunk:ChoiceDeltaAudio.id
            chat.chat_completion_chunk:ChoiceDeltaAudio.transcript
            chat.chat_completion_chunk:ChoiceDeltaFunctionCall.arguments
            chat.chat_completion_chunk:ChoiceDeltaFunctionCall.name
            chat.chat_completion_chunk:ModerationInputError.code
            chat.chat_completion_chunk:ModerationInputError.message
            chat.chat_completion_chunk:ModerationInputModerationResults.model
            chat.chat_completion_chunk:ModerationInputModerationResultsResult.categories
            chat.chat_completion_chunk:ModerationInputModerationResultsResult.category_applied_input_types
            chat.chat_completion_chunk:ModerationInputModerationResultsResult.category_scores
            chat.chat_completion_chunk:ModerationInputModerationResultsResult.model
            chat.chat_completion_chunk:ModerationOutputError.code
            chat.chat_completion_chunk:ModerationOutputError.message
            chat.chat_completion_chunk:ModerationOutputModerationResults.model
            chat.chat_completion_chunk:ModerationOutputModerationResultsResult.categories
            chat.chat_completion_chunk:ModerationOutputModerationResultsResult.category_applied_input_types
            chat.chat_completion_chunk:ModerationOutputModerationResultsResult.category_scores
            chat.chat_completion_chunk:ModerationOutputModerationResultsResult.model
            chat.chat_completion_message:AnnotationURLCitation.title
            chat.chat_completion_message:AnnotationURLCitation.url
            chat.chat_completion_message:FunctionCall.arguments
            chat.chat_completion_message:FunctionCall.name
            chat.chat_completion_message_custom_tool_call:ChatCompletionMessageCustomToolCall.id
            chat.chat_completion_message_custom_tool_call:Custom.input
            chat.chat_completion_message_custom_tool_call:Custom.name
            completion:Completion.system_fingerprint
        """,
        "ours": """
            chat.chat_completion:ChatCompletion.id
            chat.chat_completion:ChatCompletion.model
            chat.chat_completion_chunk:ChatCompletionChunk.id
            chat.chat_completion_chunk:ChatCompletionChunk.model
            chat.chat_completion_chunk:ChoiceDeltaToolCall.id
            chat.chat_completion_message_function_tool_call:ChatCompletionMessageFunctionToolCall.id
            completion:Completion.id
            completion:Completion.model
            create_embedding_response:CreateEmbeddingResponse.model
        """,
        "sanitized": """
            chat.chat_completion_chunk:ChoiceDelta.content
            chat.chat_completion_chunk:ChoiceDelta.refusal
            chat.chat_completion_chunk:ChoiceDeltaToolCallFunction.arguments
            chat.chat_completion_chunk:ChoiceDeltaToolCallFunction.name
            chat.chat_completion_message:ChatCompletionMessage.content
            chat.chat_completion_message:ChatCompletionMessage.refusal
            chat.chat_completion_message_function_tool_call:Function.arguments
            chat.chat_completion_message_function_tool_call:Function.name
            chat.chat_completion_token_logprob:ChatCompletionTokenLogprob.token
            chat.chat_completion_token_logprob:TopLogprob.token
            completion_choice:CompletionChoice.text
            completion_choice:Logprobs.tokens
            completion_choice:Logprobs.top_logprobs
        """,
    }
)
