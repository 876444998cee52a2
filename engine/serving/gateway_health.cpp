#include "engine/serving/gateway_health.h"

namespace engine {

using Reply = grpc::health::v1::HealthCheckResponse;

/// One open Watch. Lives until gRPC is done with it and the list has let go of it.
class GatewayHealth::Watcher final : public grpc::ServerWriteReactor<Reply>
{
public:
    Watcher(GatewayHealth &health, std::string name) : service(std::move(name)), m_health(health) {}
    const std::string service;
    void keep(std::shared_ptr<Watcher> self) { m_self = std::move(self); }
    void tell(Status status)
    {
        const std::lock_guard lock(m_mutex);
        m_wanted = status;
        write();
    }
    void end()
    {
        const std::lock_guard lock(m_mutex);
        finish();
    }

private:
    void write()
    {
        if (m_isWriting || m_isOver || (m_sent && *m_sent == m_wanted))
            return;
        m_isWriting = true;
        m_sent = m_wanted;
        m_reply.set_status(m_wanted);
        StartWrite(&m_reply);
    }
    void finish()
    {
        if (!std::exchange(m_isOver, true))
            Finish(grpc::Status::OK);
    }
    void OnWriteDone(bool ok) override
    {
        const std::lock_guard lock(m_mutex);
        m_isWriting = false;
        if (ok)
            write();
        else
            finish();
    }
    void OnCancel() override { end(); }
    void OnDone() override
    {
        const auto self = std::move(m_self);
        const std::lock_guard lock(m_health.m_mutex);
        m_health.m_watchers.erase(self);
    }
    GatewayHealth &m_health;
    std::shared_ptr<Watcher> m_self; ///< until OnDone
    std::mutex m_mutex;              ///< guards what follows
    Reply m_reply;
    Status m_wanted = Reply::UNKNOWN;
    std::optional<Status> m_sent;
    bool m_isWriting = false, m_isOver = false;
};

GatewayHealth::Status GatewayHealth::statusOf(const std::string &service) const
{
    if (service.empty())
        return Reply::SERVING;
    if (service != kRecommend)
        return Reply::SERVICE_UNKNOWN;
    return m_core.anyReady() ? Reply::SERVING : Reply::NOT_SERVING;
}

grpc::ServerUnaryReactor *GatewayHealth::Check(grpc::CallbackServerContext *context,
                                               const grpc::health::v1::HealthCheckRequest *request,
                                               Reply *reply)
{
    auto *reactor = context->DefaultReactor();
    const auto status = statusOf(request->service());
    reply->set_status(status);
    if (status == Reply::SERVICE_UNKNOWN)
        reactor->Finish({grpc::StatusCode::NOT_FOUND, "Only \"\" and \"recommend\" are known"});
    else
        reactor->Finish(grpc::Status::OK);
    return reactor;
}

grpc::ServerWriteReactor<Reply> *
GatewayHealth::Watch(grpc::CallbackServerContext *,
                     const grpc::health::v1::HealthCheckRequest *request)
{
    auto watcher = std::make_shared<Watcher>(*this, request->service());
    watcher->keep(watcher);
    auto *raw = watcher.get();
    const std::lock_guard lock(m_mutex);
    m_watchers.insert(std::move(watcher));
    raw->tell(statusOf(raw->service));
    if (m_isOver)
        raw->end();
    return raw;
}

void GatewayHealth::update()
{
    const std::lock_guard lock(m_mutex);
    for (const auto &watcher : m_watchers)
        watcher->tell(statusOf(watcher->service));
}

void GatewayHealth::end()
{
    const std::lock_guard lock(m_mutex);
    m_isOver = true;
    for (const auto &watcher : m_watchers)
        watcher->end();
}

} // namespace engine
