#include "engine/serving/replica_stream.h"

namespace engine {

StreamCall::StreamCall(Infer infer, std::function<void()> dropCancelled,
                       std::optional<MonoTime> deadline)
    : m_infer(std::move(infer)), m_dropCancelled(std::move(dropCancelled)), m_deadline(deadline)
{
    StartRead(&m_request);
}

void StreamCall::OnReadDone(bool ok)
{
    if (!ok) // the caller has no more
        return Finish(grpc::Status::OK);
    m_reply.Clear();
    m_infer({&m_request, m_reply.mutable_infer_response(), m_deadline, m_isCancelled,
             [this](const grpc::Status &status) {
                 if (!status.ok()) {
                     m_reply.clear_infer_response();
                     m_reply.set_error_message(status.error_message());
                 }
                 StartWrite(&m_reply);
             }});
}

void StreamCall::OnWriteDone(bool ok)
{
    if (!ok)
        return Finish(grpc::Status::CANCELLED);
    m_request.Clear();
    StartRead(&m_request);
}

void StreamCall::OnCancel()
{
    m_isCancelled->store(true, std::memory_order_relaxed);
    m_dropCancelled();
}

} // namespace engine
