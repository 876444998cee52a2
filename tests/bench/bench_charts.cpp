// What the Live page costs: process CPU per second at 5 and 10 Hz, and how long a refresh with its
// repaint takes. Contracts 7.2: <= 20 % of one core at 5 Hz, <= 30 % at 10 Hz.
//   QT_QPA_PLATFORM=offscreen bench_charts [seconds per rate]

#include "tests/support/fake_operations.h"
#include "ui/main_window.h"
#include "ui/pages/live_page.h"
#include "ui/theme/theme.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QTest>

#include <cstdio>
#include <ctime>

namespace {

double cpuSeconds()
{
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

double percentile(std::vector<double> values, double q)
{
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

} // namespace

int main(int argc, char **argv)
{
    QApplication application(argc, argv);
    ui::applyTheme(application, ui::Scheme::Dark);
    const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
    auto operations = testing_support::FakeOperations::busy(20);
    ui::MainWindow window(*operations);
    window.resize(1440, 900);
    window.openPage(ui::MainWindow::Live);
    window.show();
    QTest::qWait(1000);
    window.setRefreshRate(1); // its own timer all but off: driven by hand
    auto *page = window.findChild<ui::LivePage *>();

    // Scripts are made beforehand: only reading, drawing and painting is measured.
    std::vector<testing_support::ScriptedRun> steps;
    for (int i = 0; i < 100; ++i)
        steps.push_back(testing_support::crashRun(20 + i * 0.2));

    for (const int hertz : {5, 10}) {

        std::vector<double> frames, cpu; // on a busy host the first say more about the host
        const int ticks = static_cast<int>(seconds * hertz);
        double used = 0;
        QElapsedTimer wall;
        wall.start();
        for (int i = 0; i < ticks; ++i) {
            operations->liveTimeline->grow(steps[static_cast<std::size_t>(i) % steps.size()]);
            const double before = cpuSeconds();
            QElapsedTimer frame;
            frame.start();
            page->refresh();
            QApplication::processEvents(); // the repaint that refresh() asked for
            frames.push_back(static_cast<double>(frame.nsecsElapsed()) / 1e6);
            cpu.push_back((cpuSeconds() - before) * 1000);
            used += cpu.back() / 1000;
        }
        const double perTick = used / ticks;
        std::printf("{\"suite\": \"charts\", \"hertz\": %d, \"cpu_share\": %.3f, "
                    "\"cpu_ms_per_refresh\": %.2f, \"cpu_p95_ms\": %.2f, \"frame_p50_ms\": %.2f, "
                    "\"frame_p95_ms\": %.2f, \"frame_max_ms\": %.2f}\n",
                    hertz, perTick * hertz, perTick * 1000, percentile(cpu, 0.95),
                    percentile(frames, 0.5), percentile(frames, 0.95), percentile(frames, 1.0));
    }
    return 0;
}
