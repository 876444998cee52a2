#include "engine/serving/traffic_load.h"

#include "engine/serving/gateway_channel.h"
#include "engine/serving/gateway_wire.h"
#include "engine/serving/traffic_answers.h"

#include <algorithm>

namespace engine {
namespace {

/// Answers of a window may still be on their way through a callback when it ends.
constexpr Micros kHandOutAfter{3'000};
constexpr Micros kTimerSlack{20'000};
constexpr std::uint64_t kSessionEvery = 10;
constexpr int kPages = 3;

enum Inputs { kShopper, kH, kK };

ServingPath pathOf(const std::string &name)
{
    if (name == "primary")
        return ServingPath::Primary;
    if (name == "standby")
        return ServingPath::Standby;
    if (name == "popularity")
        return ServingPath::Popularity;
    return name == "cached" ? ServingPath::Cached : ServingPath::Other;
}

std::vector<std::string> applicationsOf(const TrafficTrace &trace)
{
    std::vector<std::string> out{"recommend"};
    for (const auto &other : trace.others)
        out.push_back(other.name);
    return out;
}

std::vector<TrafficMix::Part> partsOf(const TrafficTrace &trace,
                                      const std::map<std::string, double> &mix)
{
    std::vector<TrafficMix::Part> out;
    for (const auto &other : trace.others) {
        const auto asked = mix.find(other.name);
        const auto share = asked != mix.end() ? asked->second : mix.empty() ? other.share : 0;
        out.push_back({share, other.requests.size()});
    }
    return out;
}

std::span<const std::int64_t> itemsOf(const inference::ModelInferResponse &reply)
{
    for (const auto &output : reply.outputs())
        if (output.name() == "items")
            return {output.contents().int64_contents().data(),
                    static_cast<std::size_t>(output.contents().int64_contents_size())};
    return {};
}

} // namespace

Traffic::Load::Load(const LoadSpec &spec, const TrafficOptions &options, const TrafficTrace &trace,
                    const Clock &clock, const SendWindow &window)
    : m_spec(spec), m_options(options), m_trace(trace), m_clock(clock), m_window(window),
      m_ledger(spec.start, spec.load.deadline, spec.latencyLimits, trace.items,
               !trace.prices.empty(), applicationsOf(trace)),
      m_schedule(spec.load.arrivals, spec.load.rate, spec.seed, spec.start, trace.rows.size()),
      m_mix(partsOf(trace, spec.load.mix), spec.seed)
{
    const auto channel = resilientChannel(options.gateway);
    (void)channel->GetState(true); // connects before the first request is due
    m_stub = inference::GRPCInferenceService::NewStub(channel);
    if (!options.store.empty())
        m_appends.emplace(options.store, clock, [this](bool good, std::uint64_t seq) {
            m_ledger.appended(good, seq, m_clock.now());
        });
    m_thread = std::jthread([this](std::stop_token stop) { run(stop); });
}

Traffic::Load::~Load()
{
    stop();
    wait();
}

void Traffic::Load::stop()
{
    m_thread.request_stop();
}

void Traffic::Load::wait()
{
    if (m_thread.joinable())
        m_thread.join();
}

void Traffic::Load::run(std::stop_token stop)
{
    for (;;) {
        const auto handOutAt = m_ledger.nextEnd() + kHandOutAfter;
        if (!m_clock.waitUntil(std::min(m_schedule.due(), handOutAt), stop))
            break;
        if (const auto rate = m_rate.exchange(0); rate > 0)
            m_schedule.setRate(rate, m_clock.now());
        // Due ones first: a window is handed out when all of its requests are counted.
        const auto now = m_clock.now();
        while (m_schedule.due() <= now) {
            const auto other = m_mix.next();
            if (other)
                sendOther(m_schedule.due(), *other);
            else
                send(m_schedule.due(), m_schedule.row());
            m_schedule.advance(!other);
        }
        handOut(now);
    }
    // Every call ends by its own deadline; the window of the last one must still go out.
    const auto appendsUntil = m_clock.now() + m_options.appendGrace;
    const auto step = [this] {
        m_clock.waitUntil(m_ledger.nextEnd() + kHandOutAfter, std::stop_token());
        handOut(m_clock.now());
    };
    while (m_ledger.open() > 0 || (m_appends && !m_appends->idle() && m_clock.now() < appendsUntil))
        step();
    const auto last = alignUp(m_clock.now() + Micros{1});
    while (m_ledger.nextEnd() <= last)
        step();
    m_over = true;
}

void Traffic::Load::handOut(MonoTime now)
{
    const auto windows = m_ledger.take(now - kHandOutAfter);
    for (const auto &window : windows)
        m_window(window);
    if (!windows.empty() && m_appends)
        m_appends->retryDue();
}

Traffic::Load::Call &Traffic::Load::freeCall(bool other)
{
    const std::lock_guard lock(m_callMutex);
    auto &free = other ? m_freeOthers : m_free;
    if (free.empty()) {
        m_calls.push_back(std::make_unique<Call>());
        if (!other)
            prepare(m_calls.back()->request);
        return *m_calls.back();
    }
    auto *call = free.back();
    free.pop_back();
    return *call;
}

void Traffic::Load::prepare(inference::ModelInferRequest &request) const
{
    request.set_model_name(kRecommend.data(), kRecommend.size());
    const auto input = [&](const char *name, const char *type) {
        auto *added = request.add_inputs();
        added->set_name(name);
        added->set_datatype(type);
        added->add_shape(1);
        return added->mutable_contents();
    };
    input("shopper", "INT64")->add_int64_contents(0);
    input("h", "INT32")->add_int_contents(0);
    input("k", "INT32")->add_int_contents(m_trace.k);
}

void Traffic::Load::send(MonoTime scheduled, std::size_t row)
{
    m_ledger.due(scheduled);
    auto &call = freeCall(false);
    call.row = row;
    call.scheduled = scheduled;
    const auto &at = m_trace.rows[row];
    auto &inputs = *call.request.mutable_inputs();
    inputs[kShopper].mutable_contents()->set_int64_contents(0, at.shopper);
    inputs[kH].mutable_contents()->set_int_contents(0, static_cast<std::int32_t>(at.h));
    // Some shoppers look at three pages: whether they find their item shows on those lists alone.
    call.isSession = m_sent++ % kSessionEvery == 0;
    inputs[kK].mutable_contents()->set_int_contents(0, call.isSession ? kPages * m_trace.k
                                                                      : m_trace.k);
    start(call);
}

void Traffic::Load::sendOther(MonoTime scheduled, const TrafficMix::Pick &pick)
{
    m_ledger.due(scheduled, pick.part + 1);
    auto &call = freeCall(true);
    call.row = pick.row;
    call.application = pick.part + 1;
    call.scheduled = scheduled;
    call.request.Clear();
    ask(m_trace.others[pick.part], pick.row, call.request);
    start(call);
}

void Traffic::Load::start(Call &call)
{
    const auto scheduled = call.scheduled;
    call.context.emplace();
    call.context->set_deadline(grpcTime(scheduled + m_options.giveUp));
    const auto now = m_clock.now();
    const auto timeout = std::max(Micros{1}, scheduled + m_spec.load.deadline - now);
    (*call.request.mutable_parameters())["timeout"].set_int64_param(timeout.count());
    m_ledger.sent(scheduled, now);
    m_stub->async()->ModelInfer(
        &*call.context, &call.request, &call.reply,
        [this, &call](const grpc::Status &status) { answered(call, status); });
}

void Traffic::Load::answered(Call &call, const grpc::Status &status)
{
    TrafficAnswer answer;
    answer.scheduled = call.scheduled;
    answer.ended = m_clock.now();
    // gRPC rounds deadlines to its own ticks: giving up a little early is giving up on time.
    const auto giveUpAt = call.scheduled + m_options.giveUp;
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED
        && giveUpAt - answer.ended < kTimerSlack)
        answer.ended = std::max(answer.ended, giveUpAt);
    answer.application = call.application;
    answer.failed = !status.ok() || answer.ended - answer.scheduled > m_options.giveUp;
    if (call.application == 0)
        score(call, answer);
    else
        scoreOther(call, answer);
    if (!answer.failed) {
        answer.version = textOf(call.reply, "version");
        answer.path = pathOf(textOf(call.reply, "path"));
    }
    if (m_appends && call.application == 0)
        m_appends->append(m_trace.rows[call.row]);
    call.context.reset();
    {
        const std::lock_guard lock(m_callMutex);
        (call.application == 0 ? m_free : m_freeOthers).push_back(&call);
    }
    // Last: once nothing is open, the load may end and take all of this with it.
    m_ledger.answered(answer);
}

void Traffic::Load::score(const Call &call, TrafficAnswer &answer) const
{
    const auto &row = m_trace.rows[call.row];
    const auto items = itemsOf(call.reply);
    if (!m_trace.expected.empty())
        answer.expected = m_trace.expected[call.row];
    answer.failed = answer.failed || items.empty();
    if (answer.failed)
        return;
    const auto page = items.first(std::min(items.size(), static_cast<std::size_t>(m_trace.k)));
    answer.earned = m_trace.earned->quality(row, page);
    answer.ndcg = Earned::ndcg10(row.label, page);
    answer.shown = page;
    answer.isSession = call.isSession;
    if (const auto at = std::find(items.begin(), items.end(), row.label); at != items.end())
        answer.rank = static_cast<int>(at - items.begin()) + 1;
    if (row.label < m_trace.prices.size())
        answer.price = static_cast<double>(m_trace.prices[row.label]);
}

void Traffic::Load::scoreOther(const Call &call, TrafficAnswer &answer) const
{
    const auto &trace = m_trace.others[call.application - 1];
    if (!trace.expected.empty())
        answer.expected = static_cast<double>(trace.expected[call.row]);
    if (answer.failed)
        return;
    const auto worth = worthOf(trace, call.row, call.reply);
    answer.failed = !worth;
    answer.earned = worth.value_or(0);
}

} // namespace engine
