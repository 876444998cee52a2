// What scrubbing a recording costs in Playback: how often per second a dragged playhead is shown
// anew, and how long a wish takes until it is painted. Issue: >= 20 Hz on the 24 h file.
//   QT_QPA_PLATFORM=offscreen bench_scrub FILE.drl [seconds per drag]

#include "engine/recording/open.h"
#include "ui/pages/playback_page.h"
#include "ui/theme/theme.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QTest>

#include <cmath>
#include <cstdio>

namespace {

double percentile(std::vector<double> values, double q)
{
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

/// Drags over `widget` from left to right and back, 60 moves per second, as a hand does.
void drag(ui::PlaybackPage &page, QWidget *widget, const char *what, double seconds)
{
    std::vector<double> gaps;
    QElapsedTimer since;
    int shown = 0;
    double head = page.playhead();
    const auto counting = QObject::connect(&page, &ui::PlaybackPage::shown, &page, [&] {
        if (page.playhead() == head)
            return;
        head = page.playhead();
        ++shown;
        if (since.isValid())
            gaps.push_back(static_cast<double>(since.nsecsElapsed()) / 1e6);
        since.start();
    });
    const int left = 200;
    const int width = widget->width() - left - 130;
    const auto at = [&](double share) {
        return QPoint(left + static_cast<int>(width * share), widget->height() / 2);
    };
    QTest::mousePress(widget, Qt::LeftButton, {}, at(0));
    QElapsedTimer wall;
    wall.start();
    while (static_cast<double>(wall.elapsed()) < seconds * 1000) {
        const double phase = static_cast<double>(wall.elapsed()) / (seconds * 1000);
        QTest::mouseMove(widget, at(1 - std::abs(2 * phase - 1)));
        QTest::qWait(16);
    }
    QTest::mouseRelease(widget, Qt::LeftButton, {}, at(0));
    const double took = static_cast<double>(wall.elapsed()) / 1000;
    QObject::disconnect(counting);
    std::printf("{\"suite\": \"scrub\", \"drag\": \"%s\", \"shown_per_second\": %.1f, "
                "\"gap_p50_ms\": %.1f, \"gap_p95_ms\": %.1f, \"gap_max_ms\": %.1f}\n",
                what, shown / took, percentile(gaps, 0.5), percentile(gaps, 0.95),
                percentile(gaps, 1.0));
}

} // namespace

int main(int argc, char **argv)
{
    QApplication application(argc, argv);
    if (argc < 2) {
        std::fputs("bench_scrub FILE.drl [seconds per drag]\n", stderr);
        return 2;
    }
    ui::applyTheme(application, ui::Scheme::Dark);
    const double seconds = argc > 2 ? std::atof(argv[2]) : 10;
    ui::PlaybackPage page;
    page.resize(1376, 828);
    page.show();
    QElapsedTimer opening;
    opening.start();
    bool isThere = false;
    QObject::connect(&page, &ui::PlaybackPage::shown, &page, [&] { isThere = true; });
    page.open(engine::openTimeline(argv[1], false, engine::systemClock()));
    while (!isThere && opening.elapsed() < 60'000) {
        page.refresh();
        QTest::qWait(5);
    }
    if (!isThere) {
        std::fprintf(stderr, "%s is not shown after a minute\n", argv[1]);
        return 1;
    }
    std::printf("{\"suite\": \"scrub\", \"opened_ms\": %lld, \"hours\": %.2f}\n",
                static_cast<long long>(opening.elapsed()), page.head().end() / 3600);
    drag(page, page.findChild<QWidget *>(QStringLiteral("minimapView")), "whole recording",
         seconds);
    drag(page, page.findChild<QWidget *>(QStringLiteral("lanesView")), "window", seconds);
    page.handleKey(Qt::Key_0, {});
    QTest::qWait(1000);
    drag(page, page.findChild<QWidget *>(QStringLiteral("lanesView")), "window of all", seconds);
    std::printf("{\"suite\": \"scrub\", \"verified\": \"%s\"}\n", qPrintable(page.verifiedText()));
    return 0;
}
