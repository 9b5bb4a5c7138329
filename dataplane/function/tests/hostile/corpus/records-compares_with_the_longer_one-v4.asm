# hook call
f0:
    mov %r6, %r1
    stdw [%r10-8], 7
    mov %r1, %r10
    add %r1, -8
    mov %r4, %r10
    add %r4, -24
    mov %r2, 8
    mov %r3, 0
    call 1
    mov %r1, %r0
    mov %r0, -1
    jslt %r1, 0, i38
    ldxdw %r1, [%r10-24]
    ldxdw %r0, [%r10-16]
    sub %r0, %r1
    ldxdw %r3, [%r6]
    ldxdw %r2, [%r6+8]
    sub %r2, %r3
    mov %r4, %r0
    jgt %r0, %r2, i21
    mov %r4, %r2
i21:
    jeq %r4, 0, i37
    mov %r4, 0
    ja i27
i24:
    add %r4, 1
    jlt %r4, %r0, i27
    jge %r4, %r2, i37
i27:
    mov %r6, %r1
    add %r6, %r4
    mov %r5, %r3
    add %r5, %r4
    ldxb %r5, [%r5]
    ldxb %r6, [%r6]
    jeq32 %r6, %r5, i24
    sub %r6, %r5
    mov %r0, %r6
    ja i38
i37:
    sub %r0, %r2
i38:
    exit
