"""
The same of `/v1/responses` as `openai_table` has of the older addresses. Beside the verdicts there:

    echoed         goes back to its caller in the answer, and nowhere else

Of records that are refused as a whole, or that no answer ever has, no field needs a verdict of its own:
`module:Type.*` stands for all of one, `module:*` for all that a module has.
"""

from tests.prompts.v1.openai_table import classified


def of_responses(lists: dict[str, str]) -> dict[str, str]:
    return {
        field if field.startswith("shared") else f"responses.{field}": verdict
        for field, verdict in classified(lists).items()
    }


REQUEST_FIELDS: dict[str, str] = of_responses(
    {
        "echoed": """
            response_create_params:ResponseCreateParamsBase.metadata
            response_create_params:ResponseCreateParamsBase.prompt_cache_key
            response_create_params:ResponseCreateParamsBase.safety_identifier
            response_create_params:ResponseCreateParamsBase.user
            response_format_text_json_schema_config_param:ResponseFormatTextJSONSchemaConfigParam.description
            response_format_text_json_schema_config_param:ResponseFormatTextJSONSchemaConfigParam.name
        """,
        "media": """
            response_input_image_param:ResponseInputImageParam.image_url
        """,
        "ignored": """
            response_output_text_param:Logprob.token
            response_output_text_param:LogprobTopLogprob.token
            response_create_params:PromptCacheOptions.comparison_response_id
            response_function_tool_call_param:ResponseFunctionToolCallParam.id
            response_input_param:FunctionCallOutput.id
            response_output_message_param:ResponseOutputMessageParam.id
            response_reasoning_item_param:Content.text
            response_reasoning_item_param:ResponseReasoningItemParam.encrypted_content
            response_reasoning_item_param:ResponseReasoningItemParam.id
            response_reasoning_item_param:Summary.text
        """,
        "name": """
            response_create_params:ResponseCreateParamsBase.model
        """,
        "replaced": """
            response_function_tool_call_param:ResponseFunctionToolCallParam.call_id
            response_input_param:FunctionCallOutput.call_id
        """,
        "sanitized": """
            easy_input_message_param:EasyInputMessageParam.content
            function_tool_param:FunctionToolParam.description
            function_tool_param:FunctionToolParam.name
            function_tool_param:FunctionToolParam.parameters
            response_create_params:ResponseCreateParamsBase.input
            response_create_params:ResponseCreateParamsBase.instructions
            response_format_text_json_schema_config_param:ResponseFormatTextJSONSchemaConfigParam.schema
            response_function_tool_call_param:ResponseFunctionToolCallParam.arguments
            response_function_tool_call_param:ResponseFunctionToolCallParam.name
            response_input_param:FunctionCallOutput.output
            response_input_text_content_param:ResponseInputTextContentParam.text
            response_input_text_param:ResponseInputTextParam.text
            response_output_text_param:ResponseOutputTextParam.text
            tool_choice_function_param:ToolChoiceFunctionParam.name
        """,
        "refused": """
            function_tool_param:FunctionToolParam.output_schema
            response_create_params:BackgroundOptions.continuation_id
            response_create_params:ContextManagement.type
            response_create_params:Moderation.model
            response_create_params:ResponseCreateParamsBase.conversation
            response_create_params:ResponseCreateParamsBase.previous_response_id
            response_function_tool_call_param:CallerProgram.caller_id
            response_function_tool_call_param:ResponseFunctionToolCallParam.namespace
            response_input_param:FunctionCallOutput.name
            response_input_param:FunctionCallOutput.namespace
            response_input_param:FunctionCallOutputCallerProgram.caller_id
            computer_action_list_param:* container_auto_param:* container_network_policy_allowlist_param:*
            container_network_policy_domain_secret_param:* container_reference_param:* custom_tool_param:*
            file_search_tool_param:* inline_skill_param:* inline_skill_source_param:* local_skill_param:*
            mcp_tool_call_error_param:* namespace_tool_param:* response_code_interpreter_tool_call_param:*
            response_compaction_item_param_param:* response_computer_tool_call_output_screenshot_param:*
            response_computer_tool_call_param:* response_configuration_update_item_param_param:*
            response_conversation_param_param:* response_custom_tool_call_output_param:*
            response_custom_tool_call_param:* response_file_search_tool_call_param:*
            response_function_shell_call_output_content_param:* response_function_web_search_param:*
            response_input_file_content_param:* response_input_file_param:*
            response_input_image_content_param:*
            response_input_image_param:ResponseInputImageParam.file_id
            response_input_param:AdditionalTools.* response_input_param:ApplyPatchCall.*
            response_input_param:ApplyPatchCallCallerProgram.*
            response_input_param:ApplyPatchCallOperationCreateFile.*
            response_input_param:ApplyPatchCallOperationDeleteFile.*
            response_input_param:ApplyPatchCallOperationUpdateFile.*
            response_input_param:ApplyPatchCallOutput.*
            response_input_param:ApplyPatchCallOutputCallerProgram.*
            response_input_param:CompactionTrigger.* response_input_param:ComputerCallOutput.*
            response_input_param:ComputerCallOutputAcknowledgedSafetyCheck.*
            response_input_param:ImageGenerationCall.* response_input_param:ImageGenerationCallError.*
            response_input_param:ImageGenerationCallErrorModerationDetails.*
            response_input_param:ImageGenerationCallSvgUsage.* response_input_param:ItemReference.*
            response_input_param:LocalShellCall.* response_input_param:LocalShellCallAction.*
            response_input_param:LocalShellCallOutput.* response_input_param:McpApprovalRequest.*
            response_input_param:McpApprovalResponse.* response_input_param:McpCall.*
            response_input_param:McpListTools.* response_input_param:McpListToolsTool.*
            response_input_param:Program.* response_input_param:ProgramOutput.*
            response_input_param:ShellCall.* response_input_param:ShellCallAction.*
            response_input_param:ShellCallCallerProgram.* response_input_param:ShellCallOutput.*
            response_input_param:ShellCallOutputCallerProgram.* response_input_param:ToolSearchCall.*
            response_output_refusal_param:* response_output_text_param:AnnotationContainerFileCitation.*
            response_output_text_param:AnnotationFileCitation.*
            response_output_text_param:AnnotationFilePath.*
            response_output_text_param:AnnotationURLCitation.*
            response_prompt_param:*
            response_tool_search_output_item_param_param:* shared_params.comparison_filter:*
            shared_params.compound_filter:* shared_params.custom_tool_input_format:*
            shared_params.reasoning:* skill_reference_param:* tool_choice_allowed_param:*
            tool_choice_custom_param:* tool_choice_mcp_param:* tool_param:*
            tool_search_output_namespace_tool_param:* tool_search_tool_param:*
            web_search_preview_tool_param:* web_search_tool_param:*
        """,
    }
)


ANSWER_FIELDS: dict[str, str] = of_responses(
    {
        "echoed": """
            function_tool:FunctionTool.description
            function_tool:FunctionTool.name
            function_tool:FunctionTool.parameters
            response:Response.instructions
            response:Response.metadata
            response:Response.prompt_cache_key
            response:Response.safety_identifier
            response:Response.user
            response_format_text_json_schema_config:ResponseFormatTextJSONSchemaConfig.description
            response_format_text_json_schema_config:ResponseFormatTextJSONSchemaConfig.name
            response_format_text_json_schema_config:ResponseFormatTextJSONSchemaConfig.schema_
            tool_choice_function:ToolChoiceFunction.name
        """,
        "ours": """
            response:Response.id
            response:Response.model
            response_content_part_added_event:ResponseContentPartAddedEvent.item_id
            response_content_part_done_event:ResponseContentPartDoneEvent.item_id
            response_error:ResponseError.message
            response_error:ResponseError.param
            response_error:ResponseError.type
            response_error_event:ResponseErrorEvent.code
            response_error_event:ResponseErrorEvent.message
            response_error_event:ResponseErrorEvent.param
            response_function_call_arguments_delta_event:ResponseFunctionCallArgumentsDeltaEvent.item_id
            response_function_call_arguments_done_event:ResponseFunctionCallArgumentsDoneEvent.item_id
            response_function_tool_call:ResponseFunctionToolCall.call_id
            response_function_tool_call:ResponseFunctionToolCall.id
            response_output_message:ResponseOutputMessage.id
            response_reasoning_item:ResponseReasoningItem.id
            response_reasoning_text_delta_event:ResponseReasoningTextDeltaEvent.item_id
            response_reasoning_text_done_event:ResponseReasoningTextDoneEvent.item_id
            response_refusal_delta_event:ResponseRefusalDeltaEvent.item_id
            response_refusal_done_event:ResponseRefusalDoneEvent.item_id
            response_text_delta_event:ResponseTextDeltaEvent.item_id
            response_text_done_event:ResponseTextDoneEvent.item_id
        """,
        "sanitized": """
            response_function_call_arguments_delta_event:ResponseFunctionCallArgumentsDeltaEvent.delta
            response_function_call_arguments_done_event:ResponseFunctionCallArgumentsDoneEvent.arguments
            response_function_tool_call:ResponseFunctionToolCall.arguments
            response_function_tool_call:ResponseFunctionToolCall.name
            response_content_part_added_event:PartReasoningText.text
            response_content_part_done_event:PartReasoningText.text
            response_output_refusal:ResponseOutputRefusal.refusal
            response_output_text:ResponseOutputText.text
            response_output_text:Logprob.token
            response_output_text:LogprobTopLogprob.token
            response_text_delta_event:Logprob.token
            response_text_delta_event:LogprobTopLogprob.token
            response_text_done_event:Logprob.token
            response_text_done_event:LogprobTopLogprob.token
            response_reasoning_item:Content.text
            response_reasoning_text_delta_event:ResponseReasoningTextDeltaEvent.delta
            response_reasoning_text_done_event:ResponseReasoningTextDoneEvent.text
            response_refusal_delta_event:ResponseRefusalDeltaEvent.delta
            response_refusal_done_event:ResponseRefusalDoneEvent.refusal
            response_text_delta_event:ResponseTextDeltaEvent.delta
            response_text_done_event:ResponseTextDoneEvent.text
        """,
        "never filled": """
            function_tool:FunctionTool.output_schema
            response:Response.previous_response_id
            response_reasoning_item:ResponseReasoningItem.encrypted_content
            response_reasoning_item:Summary.text
            response_function_tool_call:CallerProgram.caller_id
            response_function_tool_call:ResponseFunctionToolCall.namespace
            computer_action:* container_auto:* container_network_policy_allowlist:*
            container_network_policy_domain_secret:* container_reference:* custom_tool:*
            easy_input_message:* file_search_tool:* inline_skill:* inline_skill_source:* local_skill:*
            mcp_tool_call_error:* namespace_tool:* response:Conversation.* response:InputTransformation.*
            response:ModerationInputError.* response:ModerationInputModerationResult.*
            response:ModerationOutputError.* response:ModerationOutputModerationResult.*
            response:PromptCacheOptions.* response_apply_patch_tool_call:*
            response_apply_patch_tool_call_output:* response_audio_delta_event:*
            response_audio_transcript_delta_event:* response_code_interpreter_call_code_delta_event:*
            response_code_interpreter_call_code_done_event:*
            response_code_interpreter_call_completed_event:*
            response_code_interpreter_call_in_progress_event:*
            response_code_interpreter_call_interpreting_event:* response_code_interpreter_tool_call:*
            response_compaction_compacting_event:* response_compaction_item:*
            response_compaction_item_param:* response_computer_tool_call:*
            response_computer_tool_call_output_item:* response_computer_tool_call_output_screenshot:*
            response_configuration_update_item_param:* response_container_reference:*
            response_custom_tool_call:* response_custom_tool_call_input_delta_event:*
            response_custom_tool_call_input_done_event:* response_custom_tool_call_output:*
            response_custom_tool_call_output_item:* response_error:Misalignment.*
            response_error:MisalignmentSteer.* response_file_search_call_completed_event:*
            response_file_search_call_in_progress_event:* response_file_search_call_searching_event:*
            response_file_search_tool_call:* response_function_shell_call_output_content:*
            response_function_shell_tool_call:* response_function_shell_tool_call_output:*
            response_function_tool_call_output_item:* response_function_web_search:*
            response_image_gen_call_completed_event:* response_image_gen_call_generating_event:*
            response_image_gen_call_in_progress_event:* response_image_gen_call_partial_image_event:*
            response_input_file:* response_input_file_content:* response_input_image:*
            response_input_image_content:* response_input_item:* response_input_text:*
            response_input_text_content:* response_mcp_call_arguments_delta_event:*
            response_mcp_call_arguments_done_event:* response_mcp_call_completed_event:*
            response_mcp_call_failed_event:* response_mcp_call_in_progress_event:*
            response_mcp_list_tools_completed_event:* response_mcp_list_tools_failed_event:*
            response_mcp_list_tools_in_progress_event:* response_output_item:* 
            response_output_text:AnnotationContainerFileCitation.*
            response_output_text:AnnotationFileCitation.* response_output_text:AnnotationFilePath.*
            response_output_text:AnnotationURLCitation.* response_output_text_annotation_added_event:*
            response_prompt:* response_reasoning_summary_part_added_event:*
            response_reasoning_summary_part_done_event:* response_reasoning_summary_text_delta_event:*
            response_reasoning_summary_text_done_event:* 
            
            response_shell_call_command_added_event:*
            response_shell_call_command_delta_event:* response_shell_call_command_done_event:*
            response_shell_call_output_content_delta_event:* response_shell_call_output_content_done_event:*
            response_tool_search_call:* response_tool_search_output_item:*
            response_tool_search_output_item_param:* response_web_search_call_completed_event:*
            response_web_search_call_in_progress_event:* response_web_search_call_searching_event:*
            shared.comparison_filter:* shared.compound_filter:* shared.custom_tool_input_format:*
            shared.reasoning:* skill_reference:* tool:* tool_choice_allowed:* tool_choice_custom:*
            tool_choice_mcp:* tool_search_output_namespace_tool:* tool_search_tool:*
            web_search_preview_tool:* web_search_tool:*
        """,
    }
)
