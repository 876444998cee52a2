#include "engine/serving/load_wire.h"

namespace engine::wire {

drillroom::v1::StartLoadRequest toProto(const LoadSpec &spec)
{
    drillroom::v1::StartLoadRequest request;
    request.set_arrivals(spec.load.arrivals == Arrivals::Constant ? "constant" : "poisson");
    request.set_rate(spec.load.rate);
    request.set_deadline_us(spec.load.deadline.count());
    request.set_seed(spec.seed);
    request.set_start_us(spec.start.count());
    for (const auto limit : spec.latencyLimits)
        request.add_latency_limits_ms(limit);
    request.mutable_mix()->insert(spec.load.mix.begin(), spec.load.mix.end());
    return request;
}

LoadSpec fromProto(const drillroom::v1::StartLoadRequest &request)
{
    LoadSpec spec;
    spec.load.arrivals = request.arrivals() == "constant" ? Arrivals::Constant : Arrivals::Poisson;
    spec.load.rate = request.rate();
    spec.load.deadline = Micros{request.deadline_us()};
    spec.load.mix.insert(request.mix().begin(), request.mix().end());
    spec.seed = request.seed();
    spec.start = MonoTime{request.start_us()};
    spec.latencyLimits.assign(request.latency_limits_ms().begin(),
                              request.latency_limits_ms().end());
    return spec;
}

} // namespace engine::wire
