// Transform map of the staging table, script that runs onBefore. It keeps an older word about an alert from overwriting a newer one, and
// what people changed in a ticket from being overwritten at all.
//
// Field maps: every column of the staging table to the column of the same name without u_, with coalesce on correlation_id alone.
(function runTransformScript(source, map, log, target) {
    var PREFIX = 'Defender for Cloud ';
    var OVER = /^(3-Resolved|4-Dismissed)$/;
    if (action != 'update')
        return;

    // The ticket as it is stored, whatever the field maps have put into target by now.
    var stored = new GlideRecord(target.getTableName());
    if (!stored.get(target.getUniqueValue()))
        return;

    var said = String(source.u_correlation_display);
    var before = String(stored.correlation_display);
    var ours = before.indexOf(PREFIX) == 0;
    // The texts sort like the states: time, then status, then severity.
    if (ours && said <= before) {
        ignore = true;
        return;
    }

    // Only what the alert changed since is written.
    var now = said.split(' '), then = ours ? before.split(' ') : [];
    var keep = ['short_description', 'description', 'assignment_group', 'caller_id', 'category'];
    if (now[5] == then[5])
        keep = keep.concat(['impact', 'urgency']);
    if (now[4] == then[4])
        keep = keep.concat(['state', 'close_code', 'close_notes']);
    for (var i = 0; i < keep.length; i++)
        target.setValue(keep[i], stored.getValue(keep[i]));

    // Active again. A closed ticket stays closed: decide here whether you want a new one instead.
    if (OVER.test(then[4]) && now[4] == '1-New' && String(stored.state) == '6')
        target.setValue('state', '2');
})(source, map, log, target);
