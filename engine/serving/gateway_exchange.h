#pragma once
// One request on its way: history from the store, a place in the queue, a replica, perhaps another
// beside or after it, the standby, the popularity list, the cache.

#include "engine/serving/gateway_core.h"

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

namespace engine {

/// Lives from its start to its answer, kept alive by the calls and waits of its own. Its steps run
/// on threads of gRPC, one at a time under its mutex; none blocks.
class Exchange : public std::enable_shared_from_this<Exchange>
{
public:
    /// Starts; the answer goes through the returned reactor. `request` and `reply` are gRPC's and
    /// live until then.
    [[nodiscard]] static grpc::ServerUnaryReactor *
    start(GatewayCore &core, grpc::CallbackServerContext *context,
          const inference::ModelInferRequest *request, inference::ModelInferResponse *reply);

    Exchange(GatewayCore &core, grpc::ServerUnaryReactor *reactor,
             inference::ModelInferResponse *reply);
    ~Exchange();
    /// The caller hung up: nothing more is started, and what runs is cancelled.
    void callerGone();

private:
    struct Try
    {
        grpc::ClientContext context;
        inference::ModelInferResponse reply;
        std::optional<GatewayCore::Chosen> chosen; ///< none: the standby
        std::shared_ptr<Upstream> upstream;
        MonoTime due{0};
        bool isHedge = false;
    };
    using Attempt = std::shared_ptr<Try>;

    // All below with m_mutex held.
    void begin(const inference::ModelInferRequest &request, const gpr_timespec &deadline);
    void readHistory();
    void historyRead(const grpc::Status &status, const drillroom::v1::HistoryReply &reply);
    void shareOrGoOn();
    void enterQueue();
    void askPrimary();
    void armHedge();
    void hedge();
    void launch(Attempt attempt);
    void answered(const Attempt &attempt, const grpc::Status &status);
    void tryAgain(const grpc::Status &why);
    /// The next step of the fallback chain.
    void fallBack(const grpc::Status &why);
    [[nodiscard]] bool askStandby();
    [[nodiscard]] bool answerFromCache(GatewayCache::Age age);
    void answerFromPopularity();
    /// Of another application: the gateway's own answer, or the end of the chain.
    void fallBackPlainly(const grpc::Status &why);
    void reply(const Attempt &attempt);
    void finish(const grpc::Status &status);
    /// When a try that starts now has to be over; none when it could not finish.
    [[nodiscard]] std::optional<MonoTime> dueOfTry() const;
    /// `step` later, under the mutex, unless the answer was given meanwhile.
    void later(grpc::Alarm &alarm, Micros wait, void (Exchange::*step)());

    GatewayCore &m_core;
    const std::shared_ptr<void> m_hold;
    const std::shared_ptr<const GatewaySettings> m_settings;
    const Switches m_on;
    const MonoTime m_arrived;

    std::mutex m_mutex; ///< guards what follows
    grpc::ServerUnaryReactor *m_reactor;
    inference::ModelInferResponse *m_reply;
    bool m_isOver = false, m_callerGone = false;
    MonoTime m_latest{0}; ///< nothing is started that ends after this
    GatewayRequest m_request;
    inference::ModelInferRequest m_upstream;
    std::string m_id;
    bool m_hasHistory = false, m_hasPlace = false, m_leads = false, m_isCanary = false;
    MonoTime m_placed{0};
    AnswerKey m_key;
    std::uint64_t m_tried = 0;
    int m_tries = 0;
    std::size_t m_step = 0; ///< of the fallback chain
    std::vector<Attempt> m_live;
    grpc::Status m_why{grpc::StatusCode::UNAVAILABLE, "No replica is in rotation"};
    grpc::Alarm m_pause, m_hedge;
};

} // namespace engine
