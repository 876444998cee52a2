#pragma once
// ModelStreamInfer: requests one after the other on one stream, answered in their order.

#include "engine/base/clock.h"
#include "engine/proto/kserve.grpc.pb.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

namespace engine {

/// What answers one request, of a stream or not. `done` is called exactly once, from any thread;
/// the request and the reply live until then.
struct InferWork
{
    const inference::ModelInferRequest *request = nullptr;
    inference::ModelInferResponse *reply = nullptr;
    std::optional<MonoTime> deadline;
    std::shared_ptr<std::atomic<bool>> isCancelled;
    std::function<void(const grpc::Status &)> done;
};
using Infer = std::function<void(InferWork)>;

/// A request that fails is an answer with error_message; the stream goes on. Deletes itself when
/// gRPC is done with it. `dropCancelled` is called after the caller hung up.
class StreamCall final : public grpc::ServerBidiReactor<inference::ModelInferRequest,
                                                        inference::ModelStreamInferResponse>
{
public:
    StreamCall(Infer infer, std::function<void()> dropCancelled, std::optional<MonoTime> deadline);

private:
    void OnReadDone(bool ok) override;
    void OnWriteDone(bool ok) override;
    void OnCancel() override;
    void OnDone() override { delete this; }

    const Infer m_infer;
    const std::function<void()> m_dropCancelled;
    const std::optional<MonoTime> m_deadline;
    std::shared_ptr<std::atomic<bool>> m_isCancelled = std::make_shared<std::atomic<bool>>(false);
    inference::ModelInferRequest m_request;
    inference::ModelStreamInferResponse m_reply;
};

} // namespace engine
